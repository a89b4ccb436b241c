import math

import pytest
import torch
from torch.nn import functional as F

from losses.sphereface import SphereFace, sphereface
from tests.losses import golden


def fixed(lam, margin=4):
    return sphereface(margin=margin, lam_base=lam, lam_min=0.0, lam_decay=0.0)


def own_score(loss, theta):
    """Of one sample with |f| = 1, out of the loss of two classes."""
    scores = torch.tensor([[math.cos(theta), 0.0]], dtype=torch.float64)
    value = loss(scores, torch.tensor([0]), torch.ones(1, 1, dtype=torch.float64))
    return -value.expm1().log().item()


@pytest.mark.parametrize(("lam", "expected"), [(5, 2.304508243), (1000, 1.636231256)])
def test_sphereface_has_the_golden_value(lam, expected):
    loss, x = fixed(lam), golden.embeddings()
    classifier = loss.make_classifier(6, 5).double()
    classifier.weight.data = golden.weights()

    value = loss(classifier(x), golden.LABELS, x)

    assert value.item() == pytest.approx(expected, abs=6e-10)


def test_sphereface_has_the_golden_value_without_annealing():
    loss, x = fixed(0), golden.embeddings()
    classifier = loss.make_classifier(6, 5).double()
    classifier.weight.data = golden.weights()

    assert loss(classifier(x), golden.LABELS, x).item() == pytest.approx(6.114563674, abs=1e-9)


def test_the_classifier_gives_the_features_length_times_the_cosine():
    classifier, x = sphereface().make_classifier(6, 5), torch.randn(3, 6)

    scores = classifier(x)

    cosines = F.cosine_similarity(x[:, None], classifier.weight[None], dim=2)
    torch.testing.assert_close(scores, x.norm(dim=1, keepdim=True) * cosines)


@pytest.mark.parametrize("margin", [1, 2, 3, 4])
@pytest.mark.parametrize("theta", [0.05, 0.8, 1.6, 2.2, 3.1])
def test_psi_is_the_papers_function_of_the_angle(margin, theta):
    k = math.floor(margin * theta / math.pi)

    actual = own_score(fixed(0, margin), theta)

    assert actual == pytest.approx((-1) ** k * math.cos(margin * theta) - 2 * k, abs=1e-9)


@pytest.mark.parametrize("margin", [1, 2, 3, 4, 7])
def test_psi_falls_from_one_without_a_jump(margin):
    cosine = torch.linspace(0, math.pi, 2001, dtype=torch.float64).cos()

    steps = SphereFace(margin, 0.0, 0.0, 0.0).psi(cosine)

    assert steps[0].item() == pytest.approx(1)
    assert steps[-1].item() == pytest.approx(1 - 2 * margin)
    assert steps.diff().max() <= 1e-12
    assert steps.diff().min() > -2 * margin * math.pi / 2000


def test_lam_falls_with_every_training_batch_down_to_its_least():
    loss = sphereface(lam_base=10.0, lam_min=4.0, lam_decay=0.5)
    plain, penalty = math.cos(1.0), math.cos(4.0) * -1 - 2

    scores = [own_score(loss, 1.0) for _ in range(5)]

    lams = (10, 10 / 1.5, 5, 4, 4)
    assert scores == pytest.approx([(lam * plain + penalty) / (1 + lam) for lam in lams])
    assert loss.iteration == 5


def test_evaluation_does_not_count_as_an_iteration():
    loss = sphereface().eval()

    own_score(loss, 1.0)

    assert loss.iteration == 0


def test_a_margin_of_one_is_the_softmax_of_unit_weights():
    loss, x, labels = sphereface(margin=1), torch.randn(5, 6), torch.arange(5)
    scores = loss.make_classifier(6, 5)(x)

    torch.testing.assert_close(loss(scores, labels, x), F.cross_entropy(scores, labels))


@pytest.mark.parametrize("sign", [1, -1])
def test_features_along_a_class_weight_give_finite_gradients(sign):
    loss = fixed(0)
    classifier = loss.make_classifier(6, 5)
    x = (sign * classifier.weight).detach().requires_grad_()

    loss(classifier(x), torch.arange(5), x).backward()

    assert x.grad.isfinite().all()
    assert classifier.weight.grad.isfinite().all()


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"margin": 0}, "margin must be at least 1, got 0"),
        ({"lam_base": -1.0}, r"must not be negative, got lam_base=-1\.0"),
        ({"lam_min": -1.0}, r"must not be negative, .* lam_min=-1\.0"),
        ({"lam_decay": -1.0}, r"must not be negative, .* lam_decay=-1\.0"),
    ],
)
def test_a_senseless_option_is_refused(options, rule):
    with pytest.raises(ValueError, match=rule):
        sphereface(**options)
