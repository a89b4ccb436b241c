import pytest
import torch

from losses.center import CenterLoss
from tests.losses import golden


def golden_loss(**options):
    loss = CenterLoss(5, 6, **options).double()
    loss.centers.copy_(golden.centers())
    return loss


def test_center_loss_has_the_golden_value():
    value = golden_loss(weight=1.0)(golden.embeddings(), golden.LABELS)

    assert value.item() == pytest.approx(16.008849024, abs=6e-10)


def test_the_weight_multiplies_the_loss():
    value = golden_loss()(golden.embeddings(), golden.LABELS)

    assert value.item() == pytest.approx(0.003 * 16.008849024, abs=2e-12)


def test_the_gradient_is_the_offset_from_the_own_centre():
    x = golden.embeddings()

    golden_loss(weight=2.0)(x, golden.LABELS).backward()

    torch.testing.assert_close(x.grad, 2 * (x.detach() - golden.centers()[golden.LABELS]))


def test_a_training_batch_moves_the_centres_of_its_classes_by_the_papers_rule():
    loss, x, c = golden_loss(update_rate=0.25), golden.embeddings(), golden.centers()

    loss(x, golden.LABELS)

    expected = c.clone()
    expected[0] -= 0.25 * (c[0] - x[0]) / 2
    expected[1] -= 0.25 * (c[1] - x[3]) / 2
    expected[3] -= 0.25 * (2 * c[3] - x[1] - x[2]) / 3
    torch.testing.assert_close(loss.centers, expected.detach(), rtol=0, atol=1e-14)


def test_the_loss_is_that_of_the_centres_before_the_batch():
    loss = golden_loss(update_rate=1.0)

    first = loss(golden.embeddings(), golden.LABELS)
    second = loss(golden.embeddings(), golden.LABELS)

    assert first == golden_loss()(golden.embeddings(), golden.LABELS)
    assert second < first


@pytest.mark.parametrize("options", [{}, {"update_rate": 0.0}])
def test_the_centres_stay_in_evaluation_and_at_a_rate_of_zero(options):
    loss = golden_loss(**options).train(mode=bool(options))

    loss(golden.embeddings(), golden.LABELS)

    assert torch.equal(loss.centers, golden.centers())


def test_the_centres_are_saved_and_not_learnt_by_gradients():
    loss = CenterLoss(4, 6)

    loss(torch.randn(3, 6, requires_grad=True), torch.tensor([0, 1, 1]))

    assert list(loss.parameters()) == []
    assert list(loss.state_dict()) == ["centers"]
    assert not loss.centers.requires_grad


def test_the_centres_start_as_standard_normal():
    centers = CenterLoss(60, 256).centers

    assert centers.mean().abs() < 0.05
    assert centers.std().item() == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize(
    ("arguments", "options", "rule"),
    [
        ((0, 6), {}, "must be at least 1, got num_classes=0"),
        ((3, 0), {}, "must be at least 1, .* embedding_dim=0"),
        ((3, 6), {"weight": -1.0}, r"weight must not be negative, got -1\.0"),
        ((3, 6), {"update_rate": 1.5}, r"update_rate must be in \[0, 1\], got 1\.5"),
    ],
)
def test_a_senseless_argument_is_refused(arguments, options, rule):
    with pytest.raises(ValueError, match=rule):
        CenterLoss(*arguments, **options)
