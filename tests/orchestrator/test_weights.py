"""Published checkpoints taken over, evaluated and refused, by the command's own functions."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from models.graphs import digraph
from models.skeletons import SKELETONS
from orchestrator.cli import app
from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.files import load_state
from orchestrator.engine.network import build_model, load_init_weights
from orchestrator.engine.state import eval_batches
from orchestrator.weights import evaluate_weights, import_weights, read_checkpoint
from tests.benchmarks.straightforward_ctrgcn import StraightforwardCTRGCN
from tests.engine.trials import make_config, prepare_tiny

SMALL_CTRGCN = {"model": {"name": "ctrgcn", "width": 8}, "loss": {}}


@pytest.fixture(scope="module")
def published() -> StraightforwardCTRGCN:
    """A small CTR-GCN in the published layout, for the tiny data set, as if it had been trained."""
    torch.manual_seed(0)
    network = StraightforwardCTRGCN(4, 1, digraph(SKELETONS["ntu25"].edges, 25), width=8)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    network(torch.randn(8, 3, 8, 25, 1))
    return network.eval()


@pytest.fixture
def checkpoint(published: StraightforwardCTRGCN, tmp_path: Path) -> Path:
    torch.save(published.state_dict(), tmp_path / "published.pt")
    return tmp_path / "published.pt"


def test_imported_weights_score_clips_as_the_published_network_does(
    published, checkpoint: Path, tmp_path: Path
):
    store = prepare_tiny(tmp_path / "data")
    config = make_config(SMALL_CTRGCN)

    import_weights("ctrgcn", checkpoint, tmp_path / "ours.pt", {})
    evaluation = evaluate_weights(tmp_path / "ours.pt", config, "test", tmp_path / "data", "cpu")

    (batch,) = eval_batches(config, store, torch.device("cpu"), "test").epoch(0)
    with torch.no_grad():
        expected = published(batch.x).numpy()
    np.testing.assert_allclose(evaluation.scores, expected, rtol=1e-4, atol=1e-4)
    assert len(evaluation.labels) == 16


def test_the_command_imports_and_tells_how_to_go_on(checkpoint: Path, tmp_path: Path):
    out = tmp_path / "ours.pt"

    arguments = ["weights", "import", "ctrgcn", str(checkpoint), "--out", str(out)]
    result = CliRunner().invoke(app, arguments)

    assert result.exit_code == 0, result.output
    assert f"init_weights: {out}" in result.output
    assert '{"name": "ctrgcn", "width": 8' in result.output
    assert load_state(out)["model"]["classifiers.main.weight"].shape == (4, 32)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"width": "abc"}, "width = 'abc': input should be a valid integer"),
        ({"num_classes": 0}, "num_classes must be a whole number of at least 1, got 0"),
    ],
)
def test_a_senseless_option_of_imported_weights_is_refused(
    checkpoint: Path, tmp_path: Path, options, told
):
    with pytest.raises(SkelTuneError, match=told):
        import_weights("ctrgcn", checkpoint, tmp_path / "ours.pt", options)


def test_a_name_is_no_option_of_imported_weights(checkpoint: Path, tmp_path: Path):
    with pytest.raises(ValueError, match=r"options of ctrgcn are .*, got name"):
        import_weights("ctrgcn", checkpoint, tmp_path / "ours.pt", {"name": "mdrgcn"})


def test_the_command_evaluates_imported_weights(checkpoint: Path, tmp_path: Path, monkeypatch):
    prepare_tiny(tmp_path / "data")
    import_weights("ctrgcn", checkpoint, tmp_path / "ours.pt", {})
    trial = tmp_path / "trial.yaml"
    trial.write_text(
        "{model: {name: ctrgcn, width: 8}, data: {name: synthetic, clip_len: 8}, "
        "epochs: 1, batch_size: 4}"
    )
    monkeypatch.setenv("SKELTUNE_HOME", str(tmp_path))

    arguments = ["weights", "evaluate", str(tmp_path / "ours.pt"), str(trial), "--split", "test"]
    result = CliRunner().invoke(app, arguments)

    assert result.exit_code == 0, result.output
    assert "test/top1" in result.output


@pytest.mark.parametrize(
    "wrap",
    [
        lambda weights: {"state_dict": weights, "epoch": torch.tensor(3)},
        lambda weights: {"model": {f"module.{key}": value for key, value in weights.items()}},
    ],
    ids=["in a checkpoint", "in a checkpoint, of a parallel model"],
)
def test_weights_are_found_in_what_they_are_wrapped_in(wrap, published, tmp_path: Path):
    torch.save(wrap(published.state_dict()), tmp_path / "wrapped.pt")

    found = read_checkpoint(tmp_path / "wrapped.pt")

    assert found.keys() == published.state_dict().keys()


class Malicious:
    def __reduce__(self):
        return print, ("unpickled",)


def test_nothing_but_tensors_is_unpickled(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    torch.save({"state_dict": Malicious()}, tmp_path / "bad.pt")

    with pytest.raises(SkelTuneError, match=r"bad\.pt is not a checkpoint of tensors alone"):
        read_checkpoint(tmp_path / "bad.pt")

    assert "unpickled" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not a checkpoint", r"bad\.pt is not a checkpoint of tensors alone"),
        (pickle.dumps([1, 2], protocol=2), "holds no mapping of names to tensors|not a checkpoint"),
        (None, r"cannot read .*bad\.pt: No such file"),
    ],
    ids=["other bytes", "a list", "no file"],
)
def test_a_file_that_is_no_checkpoint_is_refused_by_name(content, message, tmp_path: Path):
    if content is not None:
        (tmp_path / "bad.pt").write_bytes(content)

    with pytest.raises(SkelTuneError, match=message):
        read_checkpoint(tmp_path / "bad.pt")


def test_a_trial_trains_on_from_imported_weights(checkpoint: Path, tmp_path: Path):
    store = prepare_tiny(tmp_path / "data")
    model, _ = import_weights("ctrgcn", checkpoint, tmp_path / "ours.pt", {})

    config = make_config({**SMALL_CTRGCN, "init_weights": str(tmp_path / "ours.pt")})
    ours = build_model(config, store.info)
    load_init_weights(ours, config)

    assert all(
        torch.equal(a, b) for a, b in zip(ours.parameters(), model.parameters(), strict=True)
    )
