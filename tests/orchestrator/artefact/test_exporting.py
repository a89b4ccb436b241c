"""Exported programs compute what the models compute."""

from pathlib import Path

import pytest
import torch

from data.store import ArrayStore
from models import MODELS
from orchestrator.artefact.exporting import example_clips, export
from orchestrator.artefact.members import Artefact, Member, make_artefact
from orchestrator.artefact.predicting import fuse
from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.network import build_model
from tests.engine.trials import make_config

SMALL = {
    "stgcn": {"width": 4},
    "agcn": {"width": 4},
    "ctrgcn": {"width": 4},
    "mdrgcn": {"width": 4, "cvsta_ratio": 2},
    "msg3d": {"width": 6},
    "dualhead": {"width": 12, "fine_width": 6},
    "slnl": {"channels": [4] * 4, "kernels": [3] * 4, "new_joints": 4, "num_slnl_blocks": 1},
}


def untrained(name: str, store: ArrayStore) -> Artefact:
    config = make_config({"model": {"name": name, **SMALL[name]}, "loss": {}})
    network = build_model(config, store.info).eval()
    return make_artefact(name, [Member("joint", config, network)], store)


def test_every_model_is_tried():
    assert SMALL.keys() == MODELS.keys()


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_every_model_can_be_exported(name: str, store: ArrayStore, tmp_path: Path):
    assert export(untrained(name, store), tmp_path / "model.pt2") <= 1e-4


def test_the_program_takes_a_stream_a_member_and_any_number_of_clips(
    artefact: Artefact, tmp_path: Path
):
    difference = export(artefact, tmp_path / "tiny.pt2")

    program = torch.export.load(tmp_path / "tiny.pt2").module()
    clips = example_clips(artefact, 7)
    scores = [
        net(x).scores.detach().numpy() for net, x in zip(artefact.networks, clips, strict=True)
    ]
    expected = torch.from_numpy(fuse(artefact.description, scores)).float()
    assert difference <= 1e-4
    torch.testing.assert_close(program(*clips).detach(), expected, atol=1e-5, rtol=0)


def test_a_file_that_is_there_is_not_overwritten(artefact: Artefact, tmp_path: Path):
    (tmp_path / "mine").write_text("mine")

    with pytest.raises(SkelTuneError, match="exists already"):
        export(artefact, tmp_path / "mine")


def test_a_program_that_computes_something_else_is_not_kept(
    artefact: Artefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("orchestrator.artefact.exporting._traced", lambda *_: other(artefact))

    with pytest.raises(SkelTuneError, match="differs by"):
        export(artefact, tmp_path / "tiny.pt2")

    assert not (tmp_path / "tiny.pt2").exists()


def other(artefact: Artefact) -> torch.export.ExportedProgram:
    """Uniform probabilities."""

    class Uniform(torch.nn.Module):
        def forward(self, *clips: torch.Tensor) -> torch.Tensor:
            return clips[0].mean((1, 2, 3, 4))[:, None].expand(-1, 4) * 0 + 0.25

    clips = example_clips(artefact, 2)
    shapes = {"clips": tuple({0: torch.export.Dim("clips")} for _ in clips)}
    return torch.export.export(Uniform(), clips, dynamic_shapes=shapes)
