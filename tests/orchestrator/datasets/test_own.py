"""The YAML file of one's own data set."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from data import DATASETS
from data.dataset import Clip, ClipTable, DatasetSource
from data.store import open_store
from orchestrator.cli import app
from orchestrator.datasets.own import find_source, read_source
from orchestrator.engine.documents import changed, dump_yaml, parse_yaml
from orchestrator.engine.errors import SpecError
from orchestrator.planning.trials import plan_of
from orchestrator.records import Role
from tests.data.own_files import NAMES, make_frames
from tests.data.stores import load_all, make_clip, make_store
from tests.engine.trials import make_config

KITCHEN = r"""
name: kitchen
skeleton:
  joints: [hips, chest, head, left hand, right hand]
  edges: [[hips, chest], [head, chest], [left hand, chest], [right hand, chest]]
  centre: chest
  mirrored: [[left hand, right hand]]
classes: [bow, wave]
arrays: {files: "clips/*.npz", axes: V C T}
clips: {pattern: 'S(?P<subject>\d+)C(?P<camera>\d+)_(?P<label>[a-z]+)'}
protocols:
  xsub: {test: {subjects: [3]}, val: {subjects: [2]}}
  xview: {test: {cameras: [2]}, val: {subjects: [3]}}
"""


def write_kitchen(folder: Path, changes: dict[str, object] | None = None) -> Path:
    (folder / "clips").mkdir(parents=True)
    for number, name in enumerate(NAMES):
        frames = make_frames(3 + number, number)[:, 0]
        np.savez(folder / "clips" / f"{name}.npz", frames.transpose(1, 2, 0))
    path = folder / "kitchen.yaml"
    path.write_text(dump_yaml(changed(parse_yaml(KITCHEN, "text"), changes or {}, "text")))
    return path


def splits_of(source: DatasetSource, clips: list[Clip], protocol: str) -> list[str]:
    table = ClipTable(
        names=np.array([clip.name for clip in clips]),
        labels=np.array([clip.label for clip in clips]),
        subjects=np.array([clip.subject for clip in clips]),
        cameras=np.array([clip.camera for clip in clips]),
        setups=np.array([clip.setup for clip in clips]),
        parts=np.array([clip.part for clip in clips]),
    )
    return source.splits[protocol](table).tolist()


def test_five_files_and_a_description_are_a_data_set_with_splits(tmp_path: Path):
    source = read_source(write_kitchen(tmp_path))

    clips = load_all(source.scan(source.raw))

    assert [len(clip.skeleton) for clip in clips] == [3, 4, 5, 6, 7]
    np.testing.assert_array_equal(clips[4].skeleton, make_frames(7, 4))
    assert splits_of(source, clips, "xsub") == ["train", "train", "val", "val", "test"]
    assert splits_of(source, clips, "xview") == ["train", "test", "train", "test", "val"]
    assert (source.info.name, source.raw) == ("kitchen", tmp_path)


def test_whatever_is_said_otherwise_is_another_description(tmp_path: Path):
    one = read_source(write_kitchen(tmp_path / "one"))
    same = read_source(write_kitchen(tmp_path / "same"))
    other = read_source(write_kitchen(tmp_path / "other", {"arrays.axes": "C V T"}))

    assert one.description == same.description != other.description


def test_the_clips_table_is_part_of_the_description(tmp_path: Path):
    changes = {"clips": {"pattern": r"S(?P<subject>\d+)", "table": "clips.csv"}}
    path = write_kitchen(tmp_path, changes)
    (tmp_path / "clips.csv").write_text("clip,label\nclips/S1C1_wave,wave\n")
    before = read_source(path).description

    (tmp_path / "clips.csv").write_text("clip,label\nclips/S1C1_wave,bow\n")

    assert read_source(path).description != before


def test_a_source_is_found_by_name_or_by_file(tmp_path: Path):
    assert find_source("nw_ucla") is DATASETS["nw_ucla"]
    assert find_source(str(write_kitchen(tmp_path))).info.name == "kitchen"
    with pytest.raises(ValueError, match=r"did you mean 'nw_ucla'\? known: synthetic, .* your own"):
        find_source("nw_ucal")


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ({"clases": 3}, {"clases": "unknown key; did you mean 'classes'? known: name, skeleton,"}),
        ({"skeleton.jonits": 3}, {"skeleton.jonits": "unknown key; did you mean 'joints'?"}),
        ({"skeleton.centre": "neck"}, {"skeleton": "there is no joint 'neck'; joints: hips,"}),
        ({"skeleton.joints": 1.5}, {"skeleton.joints": "input should be a valid integer"}),
        ({"arrays.axes": "T V"}, {"arrays": "axes must be T, V and C"}),
        ({"protocols.xsub.val": {}}, {"protocols.xsub.val": "needs exactly one of subjects"}),
        ({"protocols.xsub": {"test": {"share": 0.2}}}, {"protocols.xsub.val": "is required"}),
        ({"name": "nw_ucla"}, {"name": "is a data set of SkelTune"}),
        ({"classes": "none.txt"}, {"document": "none.txt cannot be read"}),
        (
            {"persons": "two", "protocols.xsub.seeds": 1},
            {"persons": "input should be a valid integer", "protocols.xsub.seeds": "unknown key"},
        ),
    ],
)
def test_every_problem_of_the_file_is_told_with_its_path(tmp_path: Path, changes, problems):
    path = write_kitchen(tmp_path, changes)

    with pytest.raises(SpecError) as caught:
        read_source(path)

    found = {problem.path: problem.message for problem in caught.value.problems}
    assert found.keys() == problems.keys()
    assert all(found[place].find(text) >= 0 for place, text in problems.items())
    assert caught.value.source == str(path)


def test_the_loader_refuses_what_is_not_plain_yaml(tmp_path: Path):
    path = tmp_path / "bad.yaml"
    path.write_text("name: !!python/object:os.system x\n")

    with pytest.raises(SpecError, match="could not determine a constructor"):
        read_source(path)
    assert yaml.safe_load(KITCHEN) == parse_yaml(KITCHEN, "text")


def test_a_protocol_that_the_store_does_not_have_is_found_by_planning(tmp_path: Path):
    store = make_store(tmp_path, [make_clip(4, number) for number in range(3)])
    config = make_config({"data.name": "nw_ucla", "data.protocol": "xview"})

    with pytest.raises(ValueError, match="nw_ucla has the protocols xsub, got 'xview'"):
        plan_of(config, store, "trial", Role.SINGLE)


def test_own_data_are_prepared_by_their_file_and_known_by_their_description(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SKELTUNE_HOME", str(tmp_path / "home"))
    path = write_kitchen(tmp_path / "one")
    other = write_kitchen(tmp_path / "other", {"protocols.xsub.val": {"subjects": [1]}})

    answer = CliRunner().invoke(app, ["data", "prepare", str(path), "--workers", "2"])
    again = CliRunner().invoke(app, ["data", "prepare", str(path)])
    refused = CliRunner().invoke(app, ["data", "prepare", str(other)])

    store = open_store("kitchen", tmp_path / "home" / "data")
    assert "kitchen: 5 clips" in answer.output
    assert store.digest in answer.output
    assert "prepared before, nothing was read" in again.output
    assert again.output.endswith(answer.output)
    assert store.names[store.split("xsub", "test")].tolist() == ["clips/S3C1_wave"]
    assert store.manifest["source"] == str(path.parent)
    assert "overwrite it" in str(refused.exception)
