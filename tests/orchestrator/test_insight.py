"""What is taken from trained models: three kinds of attention, and embeddings."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from data import DATASETS
from data.batches import Batch
from data.preparation import prepare
from models import MODELS
from models.interface import InputShape
from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.files import TrialFiles, load_predictions
from orchestrator.insight import Over, Persons, look_into, per_clip, persons_of, watched
from tests.engine.trials import copy_trial, make_config, prepare_tiny, train
from tests.orchestrator.pictures.conftest import MODELS as OPTIONS

SHAPE = InputShape(4, 3, 8, 5, 2, ((1, 0), (2, 1), (3, 1), (4, 3)), 0)


class Trained(NamedTuple):
    """A trial of one epoch, and the data that it was trained on."""

    folder: Path
    data: Path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    root = tmp_path_factory.mktemp("insight")
    prepare_tiny(root / "data")
    config = make_config({"epochs": 1, "model": {"name": "mdrgcn", **OPTIONS["mdrgcn"]}})
    train(config, root / "trial", root / "data")
    return Trained(root / "trial", root / "data")


@pytest.fixture
def model_of() -> Callable:
    def build(name: str):
        torch.manual_seed(0)
        return MODELS[name](SHAPE, **OPTIONS[name]).eval()

    return build


def clips(num_persons: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(3, 3, 8, 5, num_persons, generator=generator)


def test_the_weights_of_the_best_epoch_are_run_over_the_evaluated_split(trained):
    insight = look_into(*trained)

    saved = load_predictions(TrialFiles(trained.folder).predictions)
    assert insight.split == "val"
    assert insight.labels.tolist() == saved["labels"].tolist()
    assert insight.predicted.tolist() == saved["scores"].argmax(axis=1).tolist()
    assert insight.store.names[insight.clips].tolist() == saved["clips"].tolist()
    assert insight.embeddings.shape == (8, 16)


def test_of_a_large_split_some_clips_are_taken_evenly(trained):
    everything = look_into(*trained, split="test").clips

    chosen = look_into(*trained, split="test", most_clips=4).clips

    assert chosen.tolist() == everything[[0, 5, 10, 15]].tolist()


def test_cvsta_weighs_frames_and_joints_in_every_layer(trained):
    attention = look_into(*trained).attention

    assert [one.name for one in attention] == [f"CVSTA, layer {n}" for n in range(1, 11)]
    assert {one.over for one in attention} == {Over.FRAMES_AND_JOINTS}
    assert [one.maps.shape[1] for one in attention] == [8] * 5 + [4] * 3 + [2] * 2


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (
            "dualhead",
            {
                "frames of the coarse head, stage 1": Over.FRAMES,
                "joints of the fine head, stage 1": Over.JOINTS,
                "frames of the coarse head, stage 2": Over.FRAMES,
                "joints of the fine head, stage 2": Over.JOINTS,
            },
        ),
        (
            "slnl",
            {
                f"{part} mask, stream {stream}": Over.FREQUENCIES
                for stream in ("pos", "vel")
                for part in ("cosine", "sine")
            },
        ),
    ],
)
def test_the_other_papers_attention_is_seen_too(model_of, model, expected):
    network = model_of(model)

    with watched(network) as seen, torch.no_grad():
        network(clips())

    assert {name: over for name, (over, _) in seen.items()} == expected
    assert all(0 <= maps.min() <= maps.max() <= 1 for _, maps in seen.values())


def test_looking_changes_nothing_and_leaves_nothing_behind(model_of):
    network = model_of("mdrgcn")
    before = network(clips()).scores

    with watched(network) as seen:
        watched_scores = network(clips()).scores
    seen.clear()
    after = network(clips()).scores

    assert torch.equal(watched_scores, before)
    assert torch.equal(after, before)
    assert not seen


def test_a_clips_map_is_the_mean_over_its_persons():
    everybody = torch.ones(2, 2, dtype=torch.bool)
    present = torch.tensor([[True, False], [True, True]])
    rows = torch.tensor([[1.0], [9.0], [2.0], [4.0]])

    maps = per_clip(rows, Persons(everybody, present))

    assert maps.tolist() == [[1.0], [3.0]]


def test_rows_of_a_model_that_packs_persons_find_their_clips_again():
    present = torch.tensor([[True, False], [True, True]])
    both_streams = torch.tensor([[1.0], [2.0], [4.0], [3.0], [4.0], [6.0]])

    maps = per_clip(both_streams, Persons(present, present))

    assert maps.tolist() == [[2.0], [4.0]]


@pytest.mark.parametrize(("model", "num_rows"), [("mdrgcn", 6), ("slnl", 4)])
def test_models_compute_all_persons_or_those_they_find(model_of, model, num_rows):
    x = clips()
    x[0, ..., 1] = x[2, ..., 1] = 0
    present = x.abs().sum((1, 2, 3)) > 0
    network = model_of(model)
    batch = Batch(x, torch.zeros(3), torch.arange(3), present)

    with watched(network) as seen, torch.no_grad():
        network(x, None)
    persons = persons_of(network, batch)

    rows = [maps for _, maps in seen.values()]
    assert {len(one) for one in rows} == {num_rows} == {int(persons.computed.sum())}
    assert persons.counted.tolist() == present.tolist()
    assert all(len(per_clip(one, persons)) == 3 for one in rows)


def test_a_trial_without_weights_is_refused(trained, tmp_path):
    folder = copy_trial(trained.folder, tmp_path / "trial")
    TrialFiles(folder).best.unlink()

    with pytest.raises(SkelTuneError, match=r"has no best.pt"):
        look_into(folder, trained.data)


def test_a_trial_is_not_run_on_data_that_were_prepared_otherwise(trained, tmp_path):
    prepare(DATASETS["synthetic"], None, tmp_path, num_classes=4, num_subjects=4, num_takes=3)

    with pytest.raises(SkelTuneError, match="another preparation of synthetic"):
        look_into(trained.folder, tmp_path)
