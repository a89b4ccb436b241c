import json
from pathlib import Path

import numpy as np
import pytest
import torch

from orchestrator.engine import files
from orchestrator.engine.files import (
    TrialFiles,
    load_predictions,
    load_state,
    save_predictions,
    save_state,
    write_bytes,
    write_json,
)


class Unpicklable:
    def __reduce__(self):
        return (print, ("run by the pickle",))


def test_writing_makes_the_folders_and_replaces_the_file(tmp_path: Path):
    path = tmp_path / "a" / "b" / "file"
    write_bytes(path, b"old")

    write_bytes(path, b"new")

    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_half_way_leaves_the_old_file(tmp_path: Path, monkeypatch, step):
    path = tmp_path / "file"
    write_bytes(path, b"old")

    def fail(*args: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(files.os, step, fail)
    with pytest.raises(OSError, match="no space left"):
        write_bytes(path, b"new")

    assert path.read_bytes() == b"old"


def test_content_is_flushed_to_disk_before_it_takes_the_name(tmp_path: Path, monkeypatch):
    calls, fsync, replace = [], files.os.fsync, files.os.replace
    monkeypatch.setattr(files.os, "fsync", lambda fd: (calls.append("fsync"), fsync(fd)))
    monkeypatch.setattr(files.os, "replace", lambda a, b: (calls.append("replace"), replace(a, b)))

    write_bytes(tmp_path / "file", b"content")

    assert calls == ["fsync", "replace"]


def test_what_json_cannot_say_leaves_the_old_file(tmp_path: Path):
    path = tmp_path / "result.json"
    write_json(path, {"best": 1.0})

    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"best": float("nan")})

    assert json.loads(path.read_text()) == {"best": 1.0}


def test_a_state_of_tensors_and_plain_values_comes_back(tmp_path: Path):
    state = {"model": {"w": torch.arange(3.0)}, "history": [{"epoch": 0}], "best_epoch": None}

    save_state(tmp_path / "last.pt", state)
    loaded = load_state(tmp_path / "last.pt")

    assert torch.equal(loaded.pop("model")["w"], torch.arange(3.0))
    assert loaded == {"history": [{"epoch": 0}], "best_epoch": None}


def test_a_state_with_a_pickled_object_is_refused_and_not_run(tmp_path: Path, capsys):
    save_state(tmp_path / "last.pt", {"model": Unpicklable()})

    with pytest.raises(Exception, match=r"weights_only|Weights only"):
        load_state(tmp_path / "last.pt")

    assert capsys.readouterr().out == ""


def test_predictions_come_back_with_their_types(tmp_path: Path):
    path = tmp_path / "predictions.npz"
    labels, scores = np.array([1, 0]), np.ones((2, 3), dtype=np.float32)

    save_predictions(
        path, ["clip a", "clip b"], labels, scores, {"fine": 2 * scores}, {"split": "val"}
    )
    loaded = load_predictions(path)

    assert loaded["clips"].tolist() == ["clip a", "clip b"]
    assert loaded["labels"].tolist() == [1, 0]
    assert loaded["scores"].dtype == np.float32
    assert np.array_equal(loaded["scores_fine"], 2 * scores)
    assert str(loaded["split"]) == "val"


def test_predictions_with_pickled_objects_are_refused(tmp_path: Path):
    np.savez(tmp_path / "p.npz", clips=np.array([Unpicklable()], dtype=object))

    with pytest.raises(ValueError, match="allow_pickle"):
        load_predictions(tmp_path / "p.npz")


def test_artifacts_are_the_files_that_exist_and_never_the_checkpoint(tmp_path: Path):
    trial = TrialFiles(tmp_path)
    for path in (trial.last, trial.config, trial.best):
        write_bytes(path, b"")

    assert trial.artifacts == [trial.config, trial.best]
