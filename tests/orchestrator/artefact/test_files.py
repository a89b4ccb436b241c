"""What a saved model is, and everything that is refused as one."""

import hashlib
import json
import os
import pickle
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from orchestrator.artefact.description import content_digest
from orchestrator.artefact.files import load_artefact, save_artefact
from orchestrator.artefact.members import Artefact
from orchestrator.engine.errors import SkelTuneError

WEIGHTS = "weights/joint.safetensors"
Copy = Callable[[], Path]


def rewrite(folder: Path, change: Callable[[dict], None]) -> Path:
    """What somebody would do who knows the format: the digests are made anew."""
    path = folder / "model.json"
    document = json.loads(path.read_text())
    change(document)
    for member in document["members"][:1]:
        member["sha256"] = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    document["digest"] = content_digest(document)
    path.write_text(json.dumps(document))
    return folder


def poison(folder: Path, tensors: Callable[[dict], dict]) -> Path:
    """Other weights under a digest that is theirs."""
    save_file(tensors(load_file(folder / WEIGHTS)), folder / WEIGHTS)
    return rewrite(folder, lambda document: None)


def test_a_model_comes_back_as_it_was_saved(artefact: Artefact, saved: Path):
    loaded = load_artefact(saved)

    assert loaded.description.documents.keys() == {"card.md"}
    assert loaded.description.members == artefact.description.members
    for ours, theirs in zip(artefact.networks, loaded.networks, strict=True):
        assert not theirs.training
        torch.testing.assert_close(theirs.state_dict(), ours.state_dict(), rtol=0, atol=0)


def test_the_same_model_is_the_same_to_the_bit(artefact: Artefact, saved: Path, tmp_path: Path):
    save_artefact(tmp_path / "again", artefact, {"card.md": "# Tiny\n"})

    for path in filter(Path.is_file, saved.rglob("*")):
        assert (tmp_path / "again" / path.relative_to(saved)).read_bytes() == path.read_bytes()


def test_a_saved_model_is_never_overwritten_and_leaves_nothing_beside(artefact, copied: Copy):
    folder = copied()

    with pytest.raises(SkelTuneError, match="exists already"):
        save_artefact(folder, artefact)

    assert [path.name for path in folder.parent.iterdir()] == ["copy"]


def test_the_description_names_no_place_of_this_machine(saved: Path, trials: dict[str, Path]):
    text = (saved / "model.json").read_text()

    assert str(trials["joint"].parent) not in text
    assert "/" not in json.dumps(json.loads(text)["preparation"])


@pytest.mark.parametrize("name", ["model.json", WEIGHTS, "card.md"])
def test_a_file_that_ends_too_early_or_is_missing_is_refused(copied: Copy, name: str):
    size = (copied() / name).stat().st_size

    for length in (0, 1, size // 2, size - 2):
        folder = copied()
        os.truncate(folder / name, length)
        with pytest.raises(SkelTuneError, match=name.rpartition("/")[2]):
            load_artefact(folder)
    (folder / name).unlink()
    with pytest.raises(SkelTuneError, match=name.rpartition("/")[2]):
        load_artefact(folder)


@pytest.mark.parametrize("name", ["model.json", WEIGHTS, "card.md"])
def test_a_flipped_bit_anywhere_is_refused_or_changes_nothing(copied: Copy, saved: Path, name: str):
    chance, folder = random.Random(name), copied()
    whole = (folder / name).read_bytes()
    truth = load_artefact(saved).description.digest
    refused = 0

    for _ in range(60):
        place = chance.randrange(len(whole))
        flipped = whole[place] ^ (1 << chance.randrange(8))
        (folder / name).write_bytes(whole[:place] + bytes([flipped]) + whole[place + 1 :])
        try:
            assert load_artefact(folder).description.digest == truth
        except SkelTuneError:
            refused += 1

    assert refused == 60 if name != "model.json" else refused > 40


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(version=2), "version 1"),
        (lambda d: d.update(format="pickle"), "skeltune model"),
        (lambda d: d.update(loader="os"), "unknown key"),
        (lambda d: d["members"][0].update(name="../joint"), "should match pattern"),
        (lambda d: d["documents"].update({"../card.md": "0" * 64}), "should match pattern"),
        (lambda d: d["members"][0]["config"]["model"].update(name="evil"), "unknown name"),
        (lambda d: d["members"][0]["config"]["model"].update(width=8), "does not fit"),
        (lambda d: d["members"][0]["config"].update(init_weights="/etc/passwd"), "init_weights"),
        (lambda d: d["members"][0].update(weight=-1), "greater than or equal to 0"),
        (lambda d: [m.update(weight=0) for m in d["members"]], "weight above 0"),
        (lambda d: d["members"][1].update(name="joint"), "different names"),
        (lambda d: d["info"].update(num_joints=24), "edges must be a tree"),
        (lambda d: d["info"].update(classes=["a", "b"]), "does not fit"),
        (lambda d: d.update(members=[]), "at least 1 item"),
    ],
)
def test_a_description_that_is_not_allowed_is_refused(copied: Copy, change, message):
    folder = rewrite(copied(), change)

    with pytest.raises(SkelTuneError, match=message):
        load_artefact(folder)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        (lambda t: t | {"classifiers.main.bias": torch.full((4,), float("nan"))}, "not finite"),
        (lambda t: dict(list(t.items())[1:]), "missing, extra"),
        (lambda t: t | {"evil": torch.zeros(1)}, "missing, extra"),
        (lambda t: {k: v.double() if v.is_floating_point() else v for k, v in t.items()}, "type"),
        (lambda t: {k: v[None] for k, v in t.items()}, "shape"),
    ],
)
def test_poisoned_weights_are_refused_though_their_digest_is_right(copied: Copy, tensors, message):
    folder = poison(copied(), tensors)

    with pytest.raises(SkelTuneError, match=message):
        load_artefact(folder)


class Evil:
    def __reduce__(self):
        return os.mkdir, (os.environ["SKELTUNE_TEST_EVIL"],)


def test_a_pickle_in_place_of_weights_is_refused_and_not_executed(
    copied: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SKELTUNE_TEST_EVIL", str(tmp_path / "executed"))
    folder = copied()
    (folder / WEIGHTS).write_bytes(pickle.dumps(Evil()))
    rewrite(folder, lambda document: None)

    with pytest.raises(SkelTuneError, match="not a safetensors file"):
        load_artefact(folder)

    assert not (tmp_path / "executed").exists()


def test_a_link_is_not_followed(copied: Copy, saved: Path):
    folder = copied()
    (folder / WEIGHTS).unlink()
    (folder / WEIGHTS).symlink_to(saved / WEIGHTS)

    with pytest.raises(SkelTuneError, match="cannot read"):
        load_artefact(folder)


def test_a_pipe_is_not_waited_for(copied: Copy):
    folder = copied()
    (folder / "model.json").unlink()
    os.mkfifo(folder / "model.json")

    with pytest.raises(SkelTuneError, match="regular file"):
        load_artefact(folder)


def test_a_file_that_nobody_told_of_is_refused(copied: Copy):
    folder = copied()
    (folder / "weights" / "code.py").write_text("import os")

    with pytest.raises(SkelTuneError, match=r"not of the model: weights/code\.py"):
        load_artefact(folder)


def test_what_is_too_large_is_not_read(copied: Copy, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("orchestrator.artefact.files.MOST_WEIGHTS_BYTES", 1000)

    with pytest.raises(SkelTuneError, match="at most 1000 bytes"):
        load_artefact(copied())
