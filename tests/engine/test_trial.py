import json
from pathlib import Path

import numpy as np
import pytest
import torch

from data.store import ArrayStore, StoreMissingError
from orchestrator.engine.config import resolve_trial
from orchestrator.engine.documents import read_mapping
from orchestrator.engine.errors import DivergedError, SkelTuneError
from orchestrator.engine.files import TrialFiles, load_predictions, load_state
from orchestrator.engine.state import build_state, pick_device, split_batches
from orchestrator.engine.trial import load_result, run_trial, train_epochs
from tests.engine.conftest import Finished
from tests.engine.trials import TRIAL, copy_trial, make_config, train, untimed

CPU = torch.device("cpu")


def same(first: object, second: object) -> bool:
    """Whether nested mappings and lists hold bit-equal tensors and equal values."""
    if isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return first == second


def test_an_interrupted_trial_ends_with_the_weights_of_an_undisturbed_one(
    finished: Finished, data_root: Path, tmp_path: Path
):
    train(make_config(), tmp_path, data_root, stop_after=2)

    train(make_config(), tmp_path, data_root)

    files = TrialFiles(tmp_path)
    whole, resumed = load_state(finished.files.last), load_state(files.last)
    assert all(same(whole[part], resumed[part]) for part in ("model", "embedding", "optimizers"))
    assert same(load_state(finished.files.best), load_state(files.best))
    ours, theirs = load_predictions(files.predictions), load_predictions(finished.files.predictions)
    assert all(np.array_equal(ours[key], theirs[key]) for key in theirs)


def test_an_interrupted_trial_ends_with_the_metrics_of_an_undisturbed_one(
    finished: Finished, data_root: Path, tmp_path: Path
):
    begun = train(make_config(), tmp_path, data_root, stop_after=2)

    history = train(make_config(), tmp_path, data_root)

    assert history[:2] == begun
    assert [untimed(m) for m in history] == [untimed(m) for m in finished.history]
    whole, resumed = load_result(finished.files), load_result(TrialFiles(tmp_path))
    assert whole.keys() == resumed.keys()
    assert resumed["trial"] == whole["trial"]
    assert untimed(resumed["best"]) == untimed(whole["best"])


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_the_moments_of_an_optimizer_survive_an_interruption(
    data_root: Path, tmp_path: Path, optimizer
):
    schedule = {"name": "cosine", "warmup_epochs": 1}
    changes = {"optimizer": {"name": optimizer}, "lr_schedule": schedule, "epochs": 2}
    config = make_config(changes)
    whole = train(config, tmp_path / "whole", data_root)

    train(config, tmp_path / "resumed", data_root, stop_after=1)
    resumed = train(config, tmp_path / "resumed", data_root)

    assert [untimed(m) for m in resumed] == [untimed(m) for m in whole]


def test_a_trial_on_which_others_ran_before_is_not_changed_by_them(
    finished: Finished, data_root: Path, tmp_path: Path
):
    torch.manual_seed(12345)
    torch.rand(100)

    again = train(make_config(), tmp_path, data_root)

    assert [untimed(m) for m in again] == [untimed(m) for m in finished.history]


def test_a_finished_trial_called_again_trains_nothing(
    finished: Finished, data_root: Path, tmp_path: Path
):
    out = copy_trial(finished.files.root, tmp_path / "copy")
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("*.[pjn]*")}

    history = train(make_config(), out, data_root)

    assert history == finished.history
    assert {path.name: path.stat().st_mtime_ns for path in out.glob("*.[pjn]*")} == before


def test_the_result_is_there_only_when_all_epochs_have_run(data_root: Path, tmp_path: Path):
    files, seen = TrialFiles(tmp_path), []

    for _ in train_epochs(make_config({"epochs": 2}), tmp_path, data_root=data_root, device="cpu"):
        seen.append(files.result.exists())

    assert seen == [False, True]


def test_a_trial_killed_between_its_last_checkpoint_and_its_result_gets_the_result(
    finished: Finished, data_root: Path, tmp_path: Path
):
    out = copy_trial(finished.files.root, tmp_path / "copy")
    (out / "result.json").unlink()

    result = run_trial(make_config(), out, data_root=data_root, device="cpu")

    assert result == load_result(finished.files)


def test_the_result_names_the_best_epoch_and_the_last(finished: Finished, store: ArrayStore):
    result = load_result(finished.files)

    top1 = [metrics["val/top1"] for metrics in finished.history]
    assert result["best"] == finished.history[top1.index(max(top1))]
    assert result["last"] == finished.history[-1]
    assert result["trial"] == make_config().digest(store.digest)
    assert result["data_digest"] == store.digest
    assert list(result["per_class"]) == list(store.info.classes)
    assert result["num_params"] > 0
    assert result["macs"] > 0


def test_the_predictions_are_those_of_the_best_epoch(finished: Finished, store: ArrayStore):
    predictions = load_predictions(finished.files.predictions)

    hits = predictions["scores"].argmax(1) == predictions["labels"]
    assert 100 * hits.mean() == load_result(finished.files)["best"]["val/top1"]
    assert predictions["clips"].tolist() == store.names[store.split("xsub", "val")].tolist()
    assert str(predictions["data_digest"]) == store.digest
    assert [str(predictions[key]) for key in ("protocol", "split")] == ["xsub", "val"]


def test_the_best_weights_are_kept_when_later_epochs_are_worse(data_root: Path, tmp_path: Path):
    schedule = {"name": "step", "milestones": [1], "gamma": 10}
    config = make_config({"lr_schedule": schedule, "epochs": 3, "monitor": "loss"})
    train(config, tmp_path / "whole", data_root)
    train(config, tmp_path / "first", data_root, stop_after=1)

    result = load_result(TrialFiles(tmp_path / "whole"))

    assert result["best"]["epoch"] == 0
    best = load_state(tmp_path / "whole" / "best.pt")
    assert same(best, load_state(tmp_path / "first" / "best.pt"))


def test_the_written_configuration_is_the_trial(finished: Finished):
    document = read_mapping(finished.files.config)

    assert resolve_trial(document, {}, "config.yaml") == make_config()


def test_an_epoch_reports_loss_accuracy_rate_and_speed(finished: Finished):
    first = finished.history[0]

    assert [metrics["epoch"] for metrics in finished.history] == [0, 1, 2, 3]
    assert {"train/loss", "train/top1", "val/top1", "val/top5"} <= first.keys()
    assert {"val/mean_class", "val/loss"} <= first.keys()
    assert first["lr"] == 0.05
    assert first["clips_per_second"] > 8 / first["epoch_seconds"] > 0
    assert first["peak_memory_mb"] > 0


def test_two_variants_with_one_seed_see_the_same_data_in_the_same_order(store: ArrayStore):
    def epoch_of(changes):
        config = make_config(changes)
        build_state(config, store, CPU)
        fit, _ = split_batches(config, store, CPU)
        return list(fit.epoch(1))

    baseline = epoch_of({})
    variant = epoch_of({"model": {"name": "ctrgcn", "width": 8}, "loss.embedding": None})
    other_seed = epoch_of({"seed": 1})

    assert same(baseline, variant)
    assert not same(baseline, other_seed)


def test_a_diverged_trial_names_a_tensor_and_leaves_no_result(data_root: Path, tmp_path: Path):
    config = make_config({"optimizer.lr": 1e9})

    with pytest.raises(DivergedError, match=r"epoch 0, step 1; first such tensor: model weight \w"):
        train(config, tmp_path, data_root)

    assert not TrialFiles(tmp_path).result.exists()


def test_a_model_that_breaks_in_the_last_step_of_an_epoch_has_diverged(
    data_root: Path, tmp_path: Path
):
    config = make_config({"optimizer.lr": 1e30, "batch_size": 8, "epochs": 1})

    with pytest.raises(DivergedError, match=r"not finite|is nan|is inf"):
        train(config, tmp_path, data_root)

    assert not TrialFiles(tmp_path).result.exists()


def test_every_reported_figure_is_finite_or_the_trial_has_diverged(data_root: Path, tmp_path: Path):
    config = make_config({"optimizer.lr": 1e30, "batch_size": 8, "epochs": 2})
    heard = []

    with pytest.raises(DivergedError):
        run_trial(config, tmp_path, data_root=data_root, device="cpu", report=heard.append)

    assert all(np.isfinite(list(metrics.values())).all() for metrics in heard)


def test_the_centres_live_in_the_checkpoint_and_move(data_root: Path, store, tmp_path: Path):
    config = make_config({"epochs": 2})
    fresh = build_state(config, store, CPU).embedding.centers
    seen = [fresh.detach().clone()]

    for _ in train_epochs(config, tmp_path, data_root=data_root, device="cpu"):
        seen.append(load_state(TrialFiles(tmp_path).last)["embedding"]["centers"])

    assert [tuple(centers.shape) for centers in seen] == [(4, 16)] * 3
    assert not torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[1], seen[2])


def test_the_centres_have_their_own_rate_and_no_schedule(data_root: Path, store, tmp_path: Path):
    base = {"epochs": 1, "batch_size": 8, "lr_schedule": {"name": "cosine", "warmup_epochs": 1}}

    def moved(rate: float) -> torch.Tensor:
        config = make_config({**base, "loss.center_lr": rate})
        before = build_state(config, store, CPU).embedding.centers.detach()
        train(config, tmp_path / str(rate), data_root)
        return load_state(tmp_path / str(rate) / "last.pt")["embedding"]["centers"] - before

    slow, fast = moved(0.5), moved(2.0)

    assert slow.abs().max() > 1e-4
    torch.testing.assert_close(fast, 4 * slow, rtol=1e-3, atol=1e-6)


def test_a_trial_without_an_embedding_loss_trains(data_root: Path, tmp_path: Path):
    train(make_config({"loss.embedding": None, "epochs": 1}), tmp_path, data_root)

    state = load_state(TrialFiles(tmp_path).last)
    assert state["embedding"] is None
    assert len(state["optimizers"]) == 1


def test_bf16_trains_float32_weights_to_other_numbers(
    finished: Finished, data_root: Path, tmp_path: Path
):
    history = train(make_config({"precision": "bf16", "epochs": 1}), tmp_path, data_root)

    loss, exact = history[0]["train/loss"], finished.history[0]["train/loss"]
    assert loss != exact
    assert loss == pytest.approx(exact, rel=0.1)
    weights = load_state(TrialFiles(tmp_path).last)["model"].values()
    assert {w.dtype for w in weights if w.is_floating_point()} == {torch.float32}


def test_clipping_the_gradient_bounds_the_first_step(data_root: Path, store, tmp_path: Path):
    plain = {"name": "sgd", "lr": 1.0, "momentum": 0.0, "nesterov": False, "weight_decay": 0.0}
    changes = {"optimizer": plain, "clip_grad_norm": 1e-3, "epochs": 1, "batch_size": 8}
    config = make_config(changes)
    before = build_state(config, store, CPU).model

    train(config, tmp_path, data_root)

    after = load_state(TrialFiles(tmp_path).last)["model"]
    moves = [after[name] - weight.detach() for name, weight in before.named_parameters()]
    length = torch.cat([move.flatten() for move in moves]).norm().item()
    assert length == pytest.approx(1e-3, rel=0.01)


def test_select_on_test_names_its_figures_test(data_root: Path, store, tmp_path: Path):
    history = train(make_config({"select_on": "test", "epochs": 2}), tmp_path, data_root)

    assert all("test/top1" in metrics for metrics in history)
    assert not any(key.startswith("val/") for metrics in history for key in metrics)
    assert load_result(TrialFiles(tmp_path))["metric"] == "test/top1"
    clips = load_predictions(TrialFiles(tmp_path).predictions)["clips"]
    assert clips.tolist() == store.names[store.split("xsub", "test")].tolist()


def test_select_on_none_evaluates_nothing_and_keeps_the_last_weights(
    data_root: Path, tmp_path: Path
):
    history = train(make_config({"select_on": "none", "epochs": 3}), tmp_path, data_root)

    files = TrialFiles(tmp_path)
    assert not any(key.startswith(("val/", "test/")) for metrics in history for key in metrics)
    assert not files.predictions.exists()
    assert load_result(files)["best"] == history[-1]
    assert load_result(files)["per_class"] == {}
    assert same(load_state(files.best)["model"], load_state(files.last)["model"])


def test_val_clips_are_fitted_on_only_when_epochs_are_not_selected_by_them(store: ArrayStore):
    train_clips, val_clips = store.split("xsub", "train"), store.split("xsub", "val")

    def fitted(select_on: str) -> set[int]:
        fit, _ = split_batches(make_config({"select_on": select_on}), store, CPU)
        return {int(clip) for batch in fit.epoch(0) for clip in batch.clips}

    assert fitted("val") == set(train_clips)
    assert fitted("test") == fitted("none") == set(train_clips) | set(val_clips)


def test_a_limit_of_clips_takes_some_from_end_to_end_of_every_split(store: ArrayStore):
    config = make_config({"max_clips": 3})

    fit, held_out = split_batches(config, store, CPU)

    clips = [int(clip) for batch in held_out.epoch(0) for clip in batch.clips]
    assert clips == store.split("xsub", "val")[[0, 3, 7]].tolist()
    assert sum(len(batch.labels) for batch in fit.epoch(0)) == 3


def test_a_limit_that_no_split_reaches_changes_nothing(store: ArrayStore):
    def clips(limit: int | None) -> list[int]:
        fit, _ = split_batches(make_config({"max_clips": limit}), store, CPU)
        return [int(clip) for batch in fit.epoch(0) for clip in batch.clips]

    assert clips(100) == clips(None)


def test_the_reporter_hears_every_epoch(finished: Finished, data_root: Path, tmp_path: Path):
    out = copy_trial(finished.files.root, tmp_path / "copy")
    heard = []

    result = run_trial(make_config(), out, data_root=data_root, device="cpu", report=heard.append)

    assert heard == finished.history
    assert result == json.loads((out / "result.json").read_text())


def test_a_data_set_that_needs_raw_files_names_the_command(tmp_path: Path):
    config = resolve_trial({**TRIAL, "data": {"name": "nw_ucla"}}, {}, "trial.yaml")

    with pytest.raises(StoreMissingError, match="skeltune data prepare nw_ucla --raw DIR"):
        train(config, tmp_path / "out", tmp_path)


def test_a_folder_with_another_trial_in_it_is_not_carried_on(
    finished: Finished, data_root: Path, tmp_path: Path
):
    out = copy_trial(finished.files.root, tmp_path / "copy")

    with pytest.raises((SkelTuneError, ValueError), match="trial"):
        train(make_config({"optimizer.lr": 0.5}), out, data_root)


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"device cuda:99: this machine has \d+ of CUDA"):
        pick_device("cuda:99")
