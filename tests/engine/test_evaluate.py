import numpy as np
import pytest
import torch
from torch import nn

from data.store import ArrayStore
from models.interface import ModelOutput
from orchestrator.engine.evaluate import class_accuracy, evaluate, top_k
from orchestrator.engine.state import split_batches
from tests.engine.trials import make_config

SCORES = torch.tensor(
    [
        [0.9, 0.5, 0.1, 0.0],  # best class 0, then 1
        [0.1, 0.9, 0.5, 0.0],  # 1, 2
        [0.1, 0.9, 0.5, 0.0],  # 1, 2
        [0.0, 0.1, 0.5, 0.9],  # 3, 2
    ]
)
LABELS = torch.tensor([0, 1, 2, 0])
CPU = torch.device("cpu")
NO_AUTOCAST = torch.autocast("cpu", torch.bfloat16, enabled=False)


class ClipNumberModel(nn.Module):
    """Scores that say `label` for each of the given clips, whatever their skeleton."""

    def __init__(self, answers: list[int]) -> None:
        super().__init__()
        self.answers = torch.tensor(answers)
        self.modes: list[bool] = []

    def forward(self, x: torch.Tensor, present: torch.Tensor | None = None) -> ModelOutput:
        self.modes.append(self.training)
        first, self.answers = self.answers[: len(x)], self.answers[len(x) :]
        scores = nn.functional.one_hot(first, 4).float()
        return ModelOutput({"main": scores}, scores, scores)


@pytest.mark.parametrize(("k", "percent"), [(1, 50.0), (2, 75.0), (3, 75.0), (4, 100.0)])
def test_top_k_is_the_share_of_labels_among_the_k_highest_scores(k, percent):
    assert top_k(LABELS, SCORES, k) == percent


def test_top_5_of_four_classes_is_always_right():
    assert top_k(LABELS, SCORES, 5) == 100.0


def test_class_accuracy_is_the_share_of_each_class_and_none_where_it_is_absent():
    assert class_accuracy(LABELS, SCORES) == [50.0, 100.0, 0.0, None]


def test_class_accuracy_agrees_with_counting_by_hand():
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(200, 7, generator=generator)
    labels = torch.randint(0, 6, (200,), generator=generator)

    ours = class_accuracy(labels, scores)

    answers = scores.numpy().argmax(1)
    by_hand = [100 * np.mean(answers[labels.numpy() == c] == c) for c in range(6)]
    assert ours[:6] == pytest.approx(by_hand)
    assert ours[6] is None


def test_the_mean_class_accuracy_leaves_absent_classes_out(store: ArrayStore):
    _, held_out = split_batches(make_config({"eval_batch_size": 3}), store, CPU)
    labels = [int(label) for batch in held_out.epoch(0) for label in batch.labels]
    wrong_in_class_0 = [1 if label == 0 else label for label in labels]

    evaluation = evaluate(ClipNumberModel(wrong_in_class_0), held_out, NO_AUTOCAST)

    assert evaluation.per_class == [0.0, 100.0, 100.0, 100.0]
    assert evaluation.metrics["mean_class"] == 75.0
    assert evaluation.metrics["top1"] == 75.0


def test_clips_come_in_the_order_of_the_split_however_they_are_batched(store: ArrayStore):
    _, held_out = split_batches(make_config({"eval_batch_size": 3}), store, CPU)

    evaluation = evaluate(ClipNumberModel([0] * 8), held_out, NO_AUTOCAST)

    clips = store.split("xsub", "val")
    assert evaluation.clips.tolist() == clips.tolist()
    assert evaluation.labels.tolist() == store.labels[clips].tolist()
    assert evaluation.scores.shape == (8, 4)


def test_the_loss_is_the_cross_entropy_of_all_clips_not_of_batches(store: ArrayStore):
    _, held_out = split_batches(make_config({"eval_batch_size": 3}), store, CPU)

    evaluation = evaluate(ClipNumberModel([0, 1, 2, 3, 0, 0, 0, 0]), held_out, NO_AUTOCAST)

    scores, labels = torch.from_numpy(evaluation.scores), torch.from_numpy(evaluation.labels)
    expected = -scores.log_softmax(1)[torch.arange(8), labels].mean().item()
    assert evaluation.metrics["loss"] == pytest.approx(expected)


def test_the_model_is_evaluated_in_evaluation_mode_without_gradients(store: ArrayStore):
    _, held_out = split_batches(make_config(), store, CPU)
    model = ClipNumberModel([0] * 8).train()

    evaluate(model, held_out, NO_AUTOCAST)

    assert model.modes == [False]
