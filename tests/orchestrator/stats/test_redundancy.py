import numpy as np
import pytest

from orchestrator.stats.factorial import Cell
from orchestrator.stats.redundancy import Gain, Relation, redundancy
from orchestrator.stats.samples import Sample

LEVELS = [{}, {"cvsta": "off"}, {"rdl": "off"}, {"cvsta": "off", "rdl": "off"}]


def cells(*means: float, spread: float = 0.1, mode: str = "max") -> list[Cell]:
    """Both on, cvsta off, rdl off, both off."""
    rng = np.random.default_rng(0)
    sign = 1 if mode == "max" else -1
    values = [sign * (mean + rng.normal(0, spread, 5)) for mean in means]
    samples = [Sample(tuple(range(5)), array) for array in values]
    return [Cell(levels, sample) for levels, sample in zip(LEVELS, samples, strict=True)]


@pytest.mark.parametrize("mode", ["max", "min"])
@pytest.mark.parametrize(
    ("means", "sentence"),
    [
        ((90, 90, 90, 80), "either cvsta or rdl will do"),
        ((95, 91, 95, 86), "rdl matters only without cvsta"),
        ((95, 95, 90, 86), "cvsta matters only without rdl"),
        ((95, 91, 91, 91), "cvsta and rdl matter only together"),
        ((95, 91, 92, 92), "cvsta matters only with rdl"),
        ((95, 88, 90, 87), "cvsta and rdl gain more together than apart"),
        ((90, 87, 86, 83), "cvsta and rdl add up"),
        ((95, 92, 93, 85), "cvsta and rdl gain less together than apart"),
        ((90, 90, 90, 90), "neither cvsta nor rdl matters"),
    ],
)
def test_a_relation_is_told_where_it_is_shown(means, sentence, mode):
    (pair,) = redundancy(cells(*means, mode=mode), margin=1.0, mode=mode)

    assert pair.sentence == sentence


def test_nothing_is_told_where_seeds_are_too_noisy():
    (pair,) = redundancy(cells(90, 87, 86, 83, spread=5.0), margin=1.0)

    assert pair.relation is Relation.NOT_SHOWN
    assert pair.sentence == "how cvsta and rdl go together is not shown"


def test_the_interaction_is_the_gain_with_the_other_less_that_without():
    (pair,) = redundancy(cells(95, 92, 93, 85), margin=1.0)

    gains = {gain: judgement.effect.estimate for gain, judgement in pair.gains.items()}
    for beside, alone in [
        (Gain.FIRST_WITH, Gain.FIRST_WITHOUT),
        (Gain.SECOND_WITH, Gain.SECOND_WITHOUT),
    ]:
        assert gains[Gain.TOGETHER] == pytest.approx(gains[beside] - gains[alone])
    assert gains[Gain.FIRST_WITH] == pytest.approx(95 - 92, abs=0.3)


def test_a_level_that_is_not_off_is_named():
    renamed = [
        Cell({k: "mlp" if k == "rdl" else v for k, v in c.levels.items()}, c.sample)
        for c in cells(90, 90, 90, 80)
    ]

    (pair,) = redundancy(renamed, margin=1.0)

    assert pair.sentence == "either cvsta or rdl (not mlp) will do"


def test_leaving_one_out_tells_nothing_of_pairs():
    assert redundancy(cells(95, 92, 93, 85)[:3], margin=1.0) == []
