import math

import pytest
import torch
from torch.nn import functional as F

from losses import LOSSES
from losses.margin import CosineClassifier
from tests.losses import golden

TINY = 6e-10  # the golden values have nine decimals
NAMES = ["cosface", "arcface"]


def build(name, **options):
    return LOSSES["classification"][name](**options)


def score(name, cosine, **options):
    """The target score of one sample, out of the loss of two classes."""
    scores = torch.tensor([[cosine, 0.0]], dtype=torch.float64)
    loss = build(name, scale=1.0, **options)(scores, torch.tensor([0]))
    return -loss.expm1().log().item()


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("cosface", {"scale": 30.0, "margin": 0.0}, 8.989282921),
        ("arcface", {"scale": 30.0, "margin": 0.0}, 8.989282921),
        ("cosface", {"scale": 30.0}, 17.799728847),
        ("cosface", {}, 37.861832351),
        ("arcface", {"scale": 30.0}, 21.028436781),
        ("arcface", {}, 44.758489957),
    ],
)
def test_a_margin_loss_has_the_golden_value(name, options, expected):
    loss = build(name, **options)
    classifier = loss.make_classifier(6, 5).double()
    classifier.weight.data = golden.weights()

    value = loss(classifier(golden.embeddings()), golden.LABELS)

    assert value.item() == pytest.approx(expected, abs=TINY)


def test_the_classifier_gives_scaled_cosines_without_a_margin():
    classifier = CosineClassifier(6, 5, scale=30.0)
    x = torch.randn(3, 6)

    scores = classifier(x)

    cosines = F.cosine_similarity(x[:, None], classifier.weight[None], dim=2)
    torch.testing.assert_close(scores, 30 * cosines)


def test_the_classifier_sees_neither_the_length_of_features_nor_of_weights():
    classifier = CosineClassifier(6, 5, scale=30.0)
    x = torch.randn(3, 6)
    expected = classifier(x)

    classifier.weight.data *= 7

    torch.testing.assert_close(classifier(0.01 * x), expected)


def test_the_classifier_starts_as_a_linear_layer_does():
    weight = CosineClassifier(256, 60, scale=1.0).weight.detach()

    assert weight.shape == (60, 256)
    assert weight.abs().max() <= 1 / 16
    assert weight.std().item() == pytest.approx(1 / (16 * math.sqrt(3)), rel=0.05)


@pytest.mark.parametrize("theta", [0.3, 1.5, 2.6, 3.1])
def test_arcface_adds_the_margin_to_the_angle_as_long_as_that_is_below_pi(theta):
    inside = theta + 0.5 <= math.pi

    actual = score("arcface", math.cos(theta))

    beyond = math.cos(theta) - 0.5 * math.sin(0.5)
    assert actual == pytest.approx(math.cos(theta + 0.5) if inside else beyond, abs=1e-12)


def test_cosface_takes_the_margin_off_the_cosine():
    assert score("cosface", 0.6, margin=0.25) == pytest.approx(0.35, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_only_the_own_class_has_a_margin(name):
    scores = torch.tensor([[20.0, 10.0, -5.0]], requires_grad=True)

    build(name)(scores, torch.tensor([1])).backward()

    own = {"cosface": 10 - 64 * 0.35, "arcface": 64 * math.cos(math.acos(10 / 64) + 0.5)}[name]
    p = torch.tensor([20.0, own, -5.0]).softmax(0)
    torch.testing.assert_close(scores.grad[0, [0, 2]], p[[0, 2]])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sign", [1, -1])
def test_features_along_a_class_weight_give_finite_gradients(name, sign):
    loss = build(name)
    classifier = loss.make_classifier(6, 5)
    x = (sign * classifier.weight).detach().requires_grad_()

    loss(classifier(x), torch.arange(5)).backward()

    assert x.grad.isfinite().all()
    assert classifier.weight.grad.isfinite().all()


@pytest.mark.parametrize(
    ("name", "options", "rule"),
    [
        ("cosface", {"scale": 0.0}, r"scale must be positive, got 0\.0"),
        ("arcface", {"scale": -1.0}, r"scale must be positive, got -1\.0"),
        ("cosface", {"margin": -0.1}, r"margin must not be negative, got -0\.1"),
        ("arcface", {"margin": -0.1}, r"margin must be an angle in \[0, pi\), got -0\.1"),
        ("arcface", {"margin": 3.2}, r"margin must be an angle in \[0, pi\), got 3\.2"),
    ],
)
def test_a_senseless_option_is_refused(name, options, rule):
    with pytest.raises(ValueError, match=rule):
        build(name, **options)
