from itertools import product

import numpy as np
import pytest
from scipy import stats

from orchestrator.stats.anova import anova
from orchestrator.stats.factorial import Cell, Design, Kind, factorial_effects
from orchestrator.stats.samples import Sample

SEEDS = 4


def cell(mean: float, **levels: str) -> Cell:
    rng = np.random.default_rng([ord(letter) for letter in f"{levels}"])
    return Cell(levels, Sample(tuple(range(SEEDS)), mean + rng.normal(0, 0.2, SEEDS)))


def mean(cell: Cell) -> float:
    return float(cell.sample.values.mean())


def two_by_two() -> list[Cell]:
    return [cell(90), cell(88, a="off"), cell(87, b="off"), cell(80, a="off", b="off")]


def test_effects_of_a_full_factorial_are_differences_of_averages():
    both, no_a, no_b, neither = (mean(c) for c in two_by_two())

    a, b, ab = factorial_effects(two_by_two())

    assert a.effect.estimate == pytest.approx((no_a + neither - both - no_b) / 2)
    assert b.effect.estimate == pytest.approx((no_b + neither - both - no_a) / 2)
    assert ab.effect.estimate == pytest.approx(neither - no_b - no_a + both)
    assert [e.kind for e in (a, b, ab)] == [Kind.MAIN, Kind.MAIN, Kind.INTERACTION]
    assert ab.levels == {"a": "off", "b": "off"}


def test_a_three_way_interaction_is_averaged_over_in_a_full_factorial():
    levels = [dict(zip("abc", chosen, strict=True)) for chosen in product(("on", "off"), repeat=3)]
    cells = [cell(80 + 8 * (set(chosen.values()) == {"off"}), **chosen) for chosen in levels]

    main = factorial_effects(cells)[0].effect.estimate

    off = [mean(c) for c in cells if c.levels["a"] == "off"]
    on = [mean(c) for c in cells if c.levels["a"] == "on"]
    assert main == pytest.approx(np.mean(off) - np.mean(on))


def test_a_component_of_three_levels_has_two_effects():
    levels = product(("on", "small", "off"), ("on", "off"))
    cells = [cell(len(a) + len(b), a=a, b=b) for a, b in levels]

    effects = factorial_effects(cells)

    mains = [e.levels for e in effects if e.kind is Kind.MAIN]
    both = [e.levels for e in effects if e.kind is Kind.INTERACTION]
    assert mains == [{"a": "small"}, {"a": "off"}, {"b": "off"}]
    assert both == [{"a": "small", "b": "off"}, {"a": "off", "b": "off"}]
    assert effects[0].effect.estimate == pytest.approx(3.0, abs=0.5)


def test_leaving_one_out_shows_simple_effects():
    cells = [cell(90), cell(88, a="off"), cell(87, b="off")]

    effects = factorial_effects(cells)

    assert [e.kind for e in effects] == [Kind.SIMPLE, Kind.SIMPLE]
    assert effects[0].effect.estimate == pytest.approx(mean(cells[1]) - mean(cells[0]))


def test_an_interaction_of_two_components_is_not_put_down_to_a_third():
    cells = [cell(90), cell(88, a="off"), cell(88, b="off"), cell(20, a="off", b="off")]

    effects = factorial_effects([*cells, cell(90, c="off")])

    assert [e.kind for e in effects] == [Kind.INTERACTION]


def test_half_of_sixteen_cells_shows_main_effects_free_of_interactions_of_two():
    signs = [(*abc, abc[0] * abc[1] * abc[2]) for abc in product((1, -1), repeat=3)]
    named = [
        dict(zip("abcd", ["on" if s > 0 else "off" for s in row], strict=True)) for row in signs
    ]
    cells = [
        cell(80 + 2 * row[0] + row[1] * row[2], **n) for row, n in zip(signs, named, strict=True)
    ]

    effects = factorial_effects(cells)

    assert [e.kind for e in effects] == [Kind.MAIN] * 4
    assert effects[0].effect.estimate == pytest.approx(-4.0, abs=0.3)


def test_the_level_on_need_not_be_named():
    cells = [Cell({"a": "on"}, cell(90).sample), cell(88, a="off")]

    assert Design(cells).components == {"a": ["off"]}


def test_two_cells_and_their_seeds_make_the_paired_t_test_of_the_table():
    on, off = cell(90), cell(89.5, a="off")

    seeds, a, residual = anova([on, off])

    wanted = stats.ttest_rel(on.sample.values, off.sample.values)
    assert (a.f, a.p_value) == pytest.approx((wanted.statistic**2, wanted.pvalue))
    assert (seeds.degrees, a.degrees, residual.degrees) == (SEEDS - 1, 1, SEEDS - 1)
    assert residual.f is None


def test_the_table_names_components_and_interactions_as_the_study_does():
    named = [Cell({f"loss {k}": v for k, v in c.levels.items()}, c.sample) for c in two_by_two()]

    rows = anova(named)

    assert [row.source for row in rows] == [
        "seed",
        "loss a",
        "loss b",
        "loss a x loss b",
        "residual",
    ]
    ab = factorial_effects(named)[2].effect.estimate
    assert rows[3].sum_of_squares == pytest.approx(SEEDS * ab**2 / 4)


def test_a_table_with_nothing_left_to_judge_by_is_empty():
    one_seed = [Cell(c.levels, Sample((0,), c.sample.values[:1])) for c in two_by_two()]

    assert anova(one_seed) == []
