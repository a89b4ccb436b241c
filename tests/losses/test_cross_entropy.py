import pytest
import torch

from losses import LOSSES

LOGITS = torch.tensor([[2.0, 1.0, 0.0, -1.0]])
LABELS = torch.tensor([1])


def test_cross_entropy_is_the_negative_log_probability():
    loss = LOSSES["classification"]["cross_entropy"]()(LOGITS, LABELS)

    assert loss.item() == pytest.approx(1.440189698561, rel=1e-6)


def test_smoothing_gives_a_share_of_the_target_to_all_classes():
    loss = LOSSES["classification"]["cross_entropy"](label_smoothing=0.2)(LOGITS, LABELS)

    log_p = LOGITS.log_softmax(1)[0]
    assert loss.item() == pytest.approx((-0.8 * log_p[1] - 0.2 * log_p.mean()).item(), rel=1e-6)


@pytest.mark.parametrize("smoothing", [-0.1, 1.0])
def test_a_smoothing_outside_of_its_range_is_refused(smoothing):
    with pytest.raises(ValueError, match=rf"must be in \[0, 1\), got {smoothing}"):
        LOSSES["classification"]["cross_entropy"](label_smoothing=smoothing)
