"""A trained model's networks as a program of `torch.export`, held to what they compute here.

Inputs are those of the members, in their order, each named after it: clips (N, C, T, V, M) as the
test-time transform leaves them, with any N. The output are the fused probabilities (N, K), float32.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from models.interface import SkeletonModel
from orchestrator.artefact.description import Description
from orchestrator.artefact.members import Artefact, members_of
from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.network import input_shape

MOST_DIFFERENCE = 1e-4
_TRACED_CLIPS, _COMPARED_CLIPS = 2, 5


class FusedNetwork(nn.Module):
    """All members at once; their fusion as in `predicting.fuse`."""

    def __init__(self, description: Description, networks: tuple[SkeletonModel, ...]) -> None:
        super().__init__()
        total = sum(member.weight for member in description.members)
        self._weights = [member.weight / total for member in description.members]
        self._of_probabilities = description.fusing == "probabilities"
        self.networks = nn.ModuleList(networks)

    def forward(self, *clips: Tensor) -> Tensor:
        scores = [network(x).scores for network, x in zip(self.networks, clips, strict=True)]
        if self._of_probabilities:
            return self._mean([part.softmax(dim=1) for part in scores])
        return self._mean(scores).softmax(dim=1)

    def _mean(self, parts: list[Tensor]) -> Tensor:
        return torch.stack([w * x for w, x in zip(self._weights, parts, strict=True)]).sum(0)


def export(artefact: Artefact, out: Path) -> float:
    """Write the file; the largest difference of any probability on random clips.

    Raises `SkelTuneError` where the file exists, PyTorch cannot export the model, or the difference
    is above `MOST_DIFFERENCE`: the file is removed then.
    """
    if out.exists():
        raise SkelTuneError(f"{out} exists already; name a new file")
    network = FusedNetwork(artefact.description, artefact.networks).eval()
    torch.export.save(_traced(network, example_clips(artefact, _TRACED_CLIPS)), out)
    reloaded = torch.export.load(out).module()
    clips = example_clips(artefact, _COMPARED_CLIPS)
    with torch.no_grad():
        difference = float((reloaded(*clips) - network(*clips)).abs().max())
    if not difference <= MOST_DIFFERENCE:
        out.unlink()
        raise SkelTuneError(
            f"the exported model differs by {difference:.1e} from the one here, which is more than "
            f"{MOST_DIFFERENCE:.0e}"
        )
    return difference


def example_clips(artefact: Artefact, num_clips: int) -> tuple[Tensor, ...]:
    """Normal numbers of the shape of each member's input, the same each time."""
    generator, clips = torch.Generator().manual_seed(0), []
    for entry, _ in members_of(artefact):
        s = input_shape(entry.config, artefact.description.info)
        sizes = num_clips, s.num_channels, s.num_frames, s.num_joints, s.num_persons
        clips.append(torch.randn(sizes, generator=generator))
    return tuple(clips)


def _traced(network: FusedNetwork, clips: tuple[Tensor, ...]) -> ExportedProgram:
    num_clips = Dim("clips")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of PyTorch about itself
            shapes = {"clips": tuple({0: num_clips} for _ in clips)}
            return torch.export.export(network, clips, dynamic_shapes=shapes)
    except Exception as error:  # of a dozen types, of which none is a promise
        reason = str(error).splitlines()[0]
        raise SkelTuneError(f"PyTorch cannot export this model: {reason}") from error
