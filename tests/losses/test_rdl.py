import pytest
import torch

from losses.rdl import RDL
from tests.losses import golden

TINY = 6e-13  # the golden values have twelve decimals


def golden_rdl(**options):
    loss = RDL(5, 6, **options).double()
    loss.centers.data = golden.centers()
    return loss


TERMS = [
    ({"inter": 0, "norm": 0}, 2.066340745756),
    ({"intra": 0, "inter": -1, "norm": 0}, 1.311481738317),
    ({"intra": 0, "inter": -1, "norm": 0, "negatives": "batch"}, 1.258282695935),
    ({"intra": 0, "inter": 0, "norm": 1}, 0.019326256236),
    ({}, 2.053419190936),
    ({"weight": 2.0}, 2 * 2.053419190936),
    ({"mode": "released", "inter": 0, "norm": 0}, 6.001286214928),
    ({"mode": "released", "intra": 0, "inter": -1, "norm": 0}, 0.062205852948),
    ({"mode": "released", "intra": 0, "inter": 0, "norm": 1}, 0.019326256236),
    ({"mode": "released"}, 6.000857418960),
]


@pytest.mark.parametrize(("options", "expected"), TERMS)
def test_rdl_has_the_golden_value(options, expected):
    loss = golden_rdl(**options)(golden.embeddings(), golden.LABELS)

    assert loss.item() == pytest.approx(expected, abs=2 * TINY)


def test_rdl_has_the_golden_gradients():
    x, loss = golden.embeddings(), golden_rdl()

    loss(x, golden.LABELS).backward()

    of_x = (-0.059958045, -0.027701126, -0.002351239, 0.008975328, 0.008146234, 0.052840524)
    of_absent = (2.9584671e-4, 2.1169369e-4, 6.4918747e-5, -1.1488374e-4, -1.3278891e-4)
    assert x.grad[0].tolist() == pytest.approx(of_x, abs=6e-10)
    assert loss.centers.grad[2].tolist() == pytest.approx((*of_absent, -6.7170739e-6), abs=6e-12)


def test_a_batch_of_one_class_has_no_negatives_of_the_batch():
    loss = RDL(3, 6, intra=0, norm=0, inter=1, negatives="batch")

    assert loss(torch.rand(4, 6), torch.ones(4, dtype=torch.long)) == 0


def test_a_single_class_has_no_negatives():
    assert RDL(1, 6, intra=0, norm=0, inter=1)(torch.rand(4, 6), torch.zeros(4).long()) == 0


def test_every_centre_learns_from_the_classes_but_only_the_present_from_the_batch():
    labels = torch.tensor([0, 1, 1])
    by_class, by_batch = RDL(4, 6), RDL(4, 6, negatives="batch")

    for loss in (by_class, by_batch):
        loss(torch.rand(3, 6), labels).backward()

    assert by_class.centers.grad.any(1).all()
    assert by_batch.centers.grad.any(1).tolist() == [True, True, False, False]


@pytest.mark.parametrize("term", ["intra", "inter", "norm"])
def test_a_weight_of_zero_skips_the_term(term, monkeypatch):
    loss = RDL(4, 6, **{term: 0})
    monkeypatch.setattr(loss, f"{term}_term", None)

    assert loss(torch.rand(3, 6), torch.tensor([0, 1, 1])).isfinite()


def test_a_whole_weight_of_zero_gives_zero():
    assert RDL(4, 6, weight=0)(torch.rand(3, 6), torch.tensor([0, 1, 1])) == 0


@pytest.mark.parametrize(
    ("arguments", "options", "rule"),
    [
        ((0, 6), {}, "must be at least 1, got num_classes=0"),
        ((3, 0), {}, "must be at least 1, .* embedding_dim=0"),
        ((3, 6), {"eps": 0.0}, r"eps must be positive, got 0\.0"),
        ((3, 6), {"mode": "released", "negatives": "batch"}, 'negatives needs mode="paper"'),
    ],
)
def test_a_senseless_argument_is_refused(arguments, options, rule):
    with pytest.raises(ValueError, match=rule):
        RDL(*arguments, **options)
