import numpy as np
import pytest

from orchestrator.reports.variance import anova_table
from tests.orchestrator.reports.made_up import draw

VARIANTS = ("baseline", "cvsta=off", "rdl=off", "cvsta=off, rdl=off")
HITS = {name: draw(0.9 - 0.1 * number, clips=400) for number, name in enumerate(VARIANTS)}


def column(table, name: str) -> list[str]:
    return [row[table.columns.index(name)] for row in table.rows]


def test_the_spread_of_a_factorial_is_split_over_seeds_components_and_the_rest(results_of):
    results = results_of(HITS)

    table = anova_table(results)

    num_seeds = len(results.row("baseline").sample.seeds)
    assert column(table, "source") == ["seed", "rdl", "cvsta", "rdl x cvsta", "residual"]
    assert column(table, "df") == [str(num_seeds - 1), "1", "1", "1", str(3 * (num_seeds - 1))]
    values = np.array([row.sample.values for row in results.rows])
    total = float(((values - values.mean()) ** 2).sum())
    squares = sum(map(float, column(table, "sum of squares")))
    assert squares == pytest.approx(total, abs=0.3)  # of five rounded figures


def test_components_that_are_only_left_out_one_by_one_have_no_such_table(results_of):
    alone = {name: HITS[name] for name in VARIANTS[:3]}

    assert anova_table(results_of(alone, design="leave_one_out")) is None
