import pytest
import torch
from torch.nn import functional as F

from losses.rdl import RDL

LABELS = torch.tensor([0, 3, 3, 1, 2])
TINY = 6e-13  # the golden values have twelve decimals


def golden_embedding():
    i, k = torch.meshgrid(torch.arange(4.0), torch.arange(6.0), indexing="ij")
    return (1.3 * i.double() + 0.7 * k.double() + 0.2).sin().abs().requires_grad_()


def golden_labels():
    return torch.tensor([0, 3, 3, 1])


def golden_rdl(**options):
    loss = RDL(5, 6, **options).double()
    j, k = torch.meshgrid(torch.arange(5.0), torch.arange(6.0), indexing="ij")
    loss.centers.data = (0.9 * j.double() + 0.4 * k.double()).cos()
    return loss


def random_case(**options):
    torch.manual_seed(0)
    return torch.randn(5, 6).double().requires_grad_(), RDL(4, 6, **options).double()


def unit_vectors(x, c):
    """x^, c^ and the cosines, all with the axes sample, class, dimension."""
    x_unit, c_unit = F.normalize(x)[:, None], F.normalize(c)[None]
    return x_unit, c_unit, (x_unit * c_unit).sum(2, keepdim=True)


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
    loss = golden_rdl(**options)(golden_embedding(), golden_labels())

    assert loss.item() == pytest.approx(expected, abs=2 * TINY)


def test_rdl_has_the_golden_gradients():
    x, loss = golden_embedding(), golden_rdl()

    loss(x, golden_labels()).backward()

    of_x = (-0.059958045, -0.027701126, -0.002351239, 0.008975328, 0.008146234, 0.052840524)
    of_absent = (2.9584671e-4, 2.1169369e-4, 6.4918747e-5, -1.1488374e-4, -1.3278891e-4)
    assert x.grad[0].tolist() == pytest.approx(of_x, abs=6e-10)
    assert loss.centers.grad[2].tolist() == pytest.approx((*of_absent, -6.7170739e-6), abs=6e-12)


def test_the_intra_term_has_the_papers_gradient():
    x, loss = random_case(inter=0, norm=0)

    loss(x, LABELS).backward()

    x_unit, c_unit, cosine = unit_vectors(x.detach(), loss.centers.detach())
    pull = -2 / 5 * (1 - cosine) * F.one_hot(LABELS, 4)[..., None]
    of_x = (pull * (c_unit - cosine * x_unit)).sum(1) / x.detach().norm(dim=1, keepdim=True)
    of_c = (pull * (x_unit - cosine * c_unit)).sum(0) / loss.centers.norm(dim=1, keepdim=True)
    torch.testing.assert_close(x.grad, of_x)
    torch.testing.assert_close(loss.centers.grad, of_c)


def test_the_inter_term_has_the_papers_gradient():
    x, loss = random_case(intra=0, inter=-1, norm=0)

    loss(x, LABELS).backward()

    x_unit, c_unit, cosine = unit_vectors(x.detach(), loss.centers.detach())
    push = -1 / (5 * 3) * (1 - F.one_hot(LABELS, 4))[..., None]
    of_x = (push * (c_unit - cosine * x_unit)).sum(1) / x.detach().norm(dim=1, keepdim=True)
    of_c = (push * (x_unit - cosine * c_unit)).sum(0) / loss.centers.norm(dim=1, keepdim=True)
    torch.testing.assert_close(x.grad, of_x)
    torch.testing.assert_close(loss.centers.grad, of_c)


def test_the_norm_term_has_the_papers_gradient():
    x, loss = random_case(intra=0, inter=0, norm=1)

    loss(x, LABELS).backward()

    norms = loss.centers.detach().norm(dim=1)[LABELS]
    ratio = x.detach().norm(dim=1) / norms
    of_x = (-2 / 5 * (1 - ratio) / norms)[:, None] * F.normalize(x.detach())
    per_sample = (2 / 5 * (1 - ratio) * ratio / norms)[:, None]
    per_sample = per_sample * F.normalize(loss.centers.detach())[LABELS]
    of_c = torch.zeros(4, 6).double().index_add(0, LABELS, per_sample)
    torch.testing.assert_close(x.grad, of_x)
    torch.testing.assert_close(loss.centers.grad, of_c)


@pytest.mark.parametrize("mode", ["paper", "released"])
def test_the_angular_gradients_are_orthogonal_and_the_norm_gradient_parallel(mode):
    x, angular = random_case(norm=0, inter=1.0, mode=mode)
    y, radial = random_case(intra=0, inter=0, norm=1, mode=mode)

    angular(x, LABELS).backward()
    radial(y, LABELS).backward()

    assert (x.grad * x).sum(1).abs().max() < 1e-14
    assert (angular.centers.grad * angular.centers).sum(1).abs().max() < 1e-14
    assert F.cosine_similarity(y.grad, y).abs().tolist() == pytest.approx([1] * 5)


@pytest.mark.parametrize("mode", ["paper", "released"])
def test_a_single_sample_gives_a_finite_loss(mode):
    loss = RDL(3, 6, mode=mode)
    x = torch.rand(1, 6, requires_grad=True)

    value = loss(x, torch.tensor([1]))
    value.backward()

    assert value.isfinite()
    assert x.grad.isfinite().all()
    assert loss.centers.grad.isfinite().all()


@pytest.mark.parametrize("options", [{}, {"mode": "released"}, {"negatives": "batch"}])
def test_features_of_zero_give_a_finite_loss_and_gradient(options):
    loss = RDL(3, 6, **options)
    x = torch.zeros(4, 6, requires_grad=True)

    value = loss(x, torch.tensor([1, 1, 2, 0]))
    value.backward()

    assert value.isfinite()
    assert x.grad.isfinite().all()
    assert loss.centers.grad.isfinite().all()


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
