from dataclasses import replace

from orchestrator.ablation.results import Factors
from orchestrator.pictures.interactions import draw_interactions, interactions_picture
from orchestrator.stats.factorial import FactorialEffect, Kind
from orchestrator.stats.verdicts import Verdict
from tests.orchestrator.pictures.test_effects import judged

EFFECTS = [
    (Kind.MAIN, {"cvsta": "off"}, judged([-4, -6], Verdict.WORSE)),
    (Kind.MAIN, {"rdl": "off"}, judged([-1.0])),
    (Kind.INTERACTION, {"rdl": "off", "cvsta": "off"}, judged([2, 4])),
]
FACTORS = Factors(
    "", tuple((FactorialEffect(kind, levels, j.effect), j) for kind, levels, j in EFFECTS)
)


def texts_of(axes):
    return {text.get_position(): text.get_text() for text in axes.texts}


def test_main_effects_lie_on_the_diagonal_and_interactions_below_it():
    axes = draw_interactions([FACTORS], "effect", "RdBu").axes[0]

    texts = texts_of(axes)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cvsta=off", "rdl=off"]
    assert texts[0, 0].startswith("▼ −5.00")
    assert texts[1, 1] == "○ −1.00"
    assert texts[0, 1].startswith("○ +3.00")
    assert (1, 0) not in texts


def test_colours_are_those_of_the_estimates_around_zero():
    axes = draw_interactions([FACTORS], "effect", "RdBu").axes[0]

    image = axes.images[0]
    low, high = image.get_clim()
    assert image.get_array()[0, 0] == -5
    assert low == -high


def test_a_design_without_interactions_has_no_map(found):
    mains = tuple(pair for pair in FACTORS.effects if pair[0].kind is Kind.MAIN)

    assert interactions_picture(replace(found.results, factors=(Factors("", mains),))) is None
    assert interactions_picture(replace(found.results, factors=(FACTORS,))).png
