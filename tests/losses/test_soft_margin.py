import math

import pytest
import torch
from torch.nn import functional as F

from losses import LOSSES
from losses.soft_margin import SoftMarginFocal
from tests.losses.soft_margin_golden import BY_LOGITS, BY_PROBABILITY, COLUMNS, GRADIENTS

SETTINGS = [(0.0, 0.4), (2.0, 0.0), (2.0, 0.4), (3.0, 0.6), (0.5, 0.4)]


def loss_of(logits, label, gamma, margin, combine="add"):
    loss = SoftMarginFocal(gamma=gamma, margin=margin, combine=combine)
    return loss(logits[None], torch.tensor([label]))


@pytest.mark.parametrize("probability", BY_PROBABILITY)
def test_a_probability_has_the_golden_losses(probability):
    logits = torch.tensor([probability, 1 - probability], dtype=torch.float64).log()

    columns = (*COLUMNS, (2, 0.4, "mul"))
    actual = [loss_of(logits, 0, *column).item() for column in columns]

    assert actual == pytest.approx(BY_PROBABILITY[probability], rel=1e-9)


@pytest.mark.parametrize(("logits", "label", "expected"), BY_LOGITS)
def test_logits_have_the_golden_losses(logits, label, expected):
    logits = torch.tensor(logits, dtype=torch.float64)

    actual = [loss_of(logits, label, *column).item() for column in COLUMNS]

    assert actual == pytest.approx(expected, rel=2e-11)


@pytest.mark.parametrize(("label", "gamma", "margin", "expected"), GRADIENTS)
def test_logits_have_the_golden_gradient(label, gamma, margin, expected):
    logits = torch.tensor([2.0, 1, 0, -1], dtype=torch.float64, requires_grad=True)

    loss_of(logits, label, gamma, margin).backward()

    assert logits.grad.tolist() == pytest.approx(expected, abs=6e-13)
    assert logits.grad.sum().item() == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize(("gamma", "margin"), SETTINGS)
@pytest.mark.parametrize("combine", ["add", "mul"])
def test_the_gradient_is_the_derived_one(gamma, margin, combine):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(6, generator=generator, dtype=torch.float64).requires_grad_()

    loss_of(logits, 2, gamma, margin, combine).backward()

    p = logits.detach().softmax(0)
    own, a = p[2], math.expm1(margin)
    q = 1 - own
    slope = a * own * q / (1 + a * q)  # of SM along the own logit, negative
    in_focus = own.log() - (torch.log1p(a * q) if combine == "mul" else 0)
    slope = slope * q**gamma if combine == "mul" else slope
    of_own = -(q ** (gamma + 1)) + gamma * own * q**gamma * in_focus - slope
    expected = -p / q * of_own
    expected[2] = of_own
    torch.testing.assert_close(logits.grad, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("margin", [0.4, 0.6, 5.0])
def test_the_gradient_of_smce_is_that_of_a_softmax_with_a_lowered_target(margin):
    logits = torch.tensor([2.0, 1, 0, -1], dtype=torch.float64, requires_grad=True)

    loss_of(logits, 1, 0.0, margin).backward()

    target = torch.eye(4, dtype=torch.float64)[1]
    expected = (logits.detach() - margin * target).softmax(0) - target
    torch.testing.assert_close(logits.grad, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("gamma", "margin"), SETTINGS)
@pytest.mark.parametrize("gap", [-200.0, -90.0, 0.0, 20.0, 90.0, 200.0])
@pytest.mark.parametrize("combine", ["add", "mul"])
def test_extreme_logits_keep_loss_and_gradient_finite(gamma, margin, gap, combine):
    logits = torch.tensor([gap, 0.0, 0.0], requires_grad=True)

    loss = loss_of(logits, 0, gamma, margin, combine)
    loss.backward()

    assert loss.isfinite()
    assert loss >= 0
    assert logits.grad.isfinite().all()


def test_smce_is_the_cross_entropy_with_a_lowered_target_logit():
    logits = torch.randn(8, 5, dtype=torch.float64)
    labels = torch.arange(8) % 5
    lowered = logits - 0.7 * F.one_hot(labels, 5)

    actual = LOSSES["classification"]["smce"](margin=0.7)(logits, labels)

    torch.testing.assert_close(actual, F.cross_entropy(lowered, labels))


@pytest.mark.parametrize("name", ["focal", "smce", "smfl"])
def test_without_focus_and_margin_the_family_is_the_cross_entropy(name):
    options = {"focal": {"gamma": 0}, "smce": {"margin": 0}, "smfl": {"gamma": 0, "margin": 0}}
    logits, labels = torch.randn(8, 5), torch.arange(8) % 5

    actual = LOSSES["classification"][name](**options[name])(logits, labels)

    torch.testing.assert_close(actual, F.cross_entropy(logits, labels))


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [("focal", "gamma", -1.0), ("smce", "margin", -1.0), ("smce", "margin", 800.0)],
)
def test_an_option_out_of_range_is_refused(name, option, value):
    with pytest.raises(ValueError, match=rf"margin be in 0\.\.80, got .*{option}={value}"):
        LOSSES["classification"][name](**{option: value})


def test_the_largest_margin_has_a_finite_loss_and_gradient():
    logits = torch.tensor([[-200.0, 200.0], [200.0, -200.0]], requires_grad=True)

    loss = LOSSES["classification"]["smfl"](margin=80.0)(logits, torch.tensor([0, 0]))
    loss.backward()

    assert loss.isfinite()
    assert logits.grad.isfinite().all()
