"""RDL's gradients as the paper derives them (eq. 14-22), against autograd."""

import functools

import pytest
import torch
from torch.nn import functional as F

from losses.rdl import RDL

LABELS = torch.tensor([0, 3, 3, 1, 2])
OWN = F.one_hot(LABELS, 4).double()[..., None]
assert_close = functools.partial(torch.testing.assert_close, rtol=0, atol=1e-12)


def random_case(**options):
    torch.manual_seed(0)
    return torch.randn(5, 6).double().requires_grad_(), RDL(4, 6, **options).double()


def unit_vectors(x, c):
    """x^, c^ and the cosines, all with the axes sample, class, dimension."""
    x_unit, c_unit = F.normalize(x)[:, None], F.normalize(c)[None]
    return x_unit, c_unit, (x_unit * c_unit).sum(2, keepdim=True)


def test_the_intra_term_has_the_papers_gradient():
    x, loss = random_case(inter=0, norm=0)

    loss(x, LABELS).backward()

    x_unit, c_unit, cosine = unit_vectors(x.detach(), loss.centers.detach())
    pull = -2 / 5 * (1 - cosine) * OWN
    of_x = (pull * (c_unit - cosine * x_unit)).sum(1) / x.detach().norm(dim=1, keepdim=True)
    of_c = (pull * (x_unit - cosine * c_unit)).sum(0) / loss.centers.norm(dim=1, keepdim=True)
    assert_close(x.grad, of_x)
    assert_close(loss.centers.grad, of_c)


def test_the_inter_term_has_the_papers_gradient():
    x, loss = random_case(intra=0, inter=-1, norm=0)

    loss(x, LABELS).backward()

    x_unit, c_unit, cosine = unit_vectors(x.detach(), loss.centers.detach())
    push = -1 / (5 * 3) * (1 - OWN)
    of_x = (push * (c_unit - cosine * x_unit)).sum(1) / x.detach().norm(dim=1, keepdim=True)
    of_c = (push * (x_unit - cosine * c_unit)).sum(0) / loss.centers.norm(dim=1, keepdim=True)
    assert_close(x.grad, of_x)
    assert_close(loss.centers.grad, of_c)


def test_the_norm_term_has_the_papers_gradient():
    x, loss = random_case(intra=0, inter=0, norm=1)

    loss(x, LABELS).backward()

    norms = loss.centers.detach().norm(dim=1)[LABELS]
    ratio = x.detach().norm(dim=1) / norms
    of_x = (-2 / 5 * (1 - ratio) / norms)[:, None] * F.normalize(x.detach())
    per_sample = (2 / 5 * (1 - ratio) * ratio / norms)[:, None]
    per_sample = per_sample * F.normalize(loss.centers.detach())[LABELS]
    of_c = torch.zeros(4, 6).double().index_add(0, LABELS, per_sample)
    assert_close(x.grad, of_x)
    assert_close(loss.centers.grad, of_c)


@pytest.mark.parametrize("mode", ["paper", "released"])
def test_the_angular_gradients_are_orthogonal_and_the_norm_gradient_parallel(mode):
    x, angular = random_case(norm=0, inter=1.0, mode=mode)
    y, radial = random_case(intra=0, inter=0, norm=1, mode=mode)

    angular(x, LABELS).backward()
    radial(y, LABELS).backward()

    assert (x.grad * x).sum(1).abs().max() < 1e-14
    assert (angular.centers.grad * angular.centers).sum(1).abs().max() < 1e-14
    assert F.cosine_similarity(y.grad, y).abs().tolist() == pytest.approx([1] * 5)
    assert F.cosine_similarity(radial.centers.grad, radial.centers).abs().tolist() == (
        pytest.approx([1] * 4)
    )


def test_the_whole_gradient_is_the_weighted_sum_of_those_of_the_terms():
    parts = {"intra": 0.7, "inter": 0.2, "norm": 0.3}
    alone = [parts | dict.fromkeys(parts.keys() - {term}, 0) for term in parts]
    x, whole = random_case(**parts, weight=2.0)

    whole(x, LABELS).backward()

    cases = [random_case(**options) for options in alone]
    for y, loss in cases:
        loss(y, LABELS).backward()
    assert_close(x.grad, 2 * sum(y.grad for y, _ in cases))
    assert_close(whole.centers.grad, 2 * sum(loss.centers.grad for _, loss in cases))
