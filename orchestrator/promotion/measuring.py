"""What a model costs on this machine, and what it is worth where joints are lost."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from data.store import ArrayStore
from orchestrator.artefact.exporting import FusedNetwork, example_clips
from orchestrator.artefact.members import Artefact, members_of
from orchestrator.artefact.predicting import Predictor
from orchestrator.engine.memory import peak_bytes
from orchestrator.engine.network import input_shape, summarize
from orchestrator.engine.state import pick_device

NOISES = (0.0, 0.01, 0.05, 0.1)
BATCHES = (1, 64)
_SECONDS, _FEWEST, _MOST = 3.0, 5, 100


@dataclass(frozen=True)
class Latency:
    """Milliseconds that all members together take for a batch; half and 95 % of runs are faster."""

    batch: int
    p50: float
    p95: float


@dataclass(frozen=True)
class Costs:
    """`memory_mb`: most tensors at a time for the largest batch, and all weights."""

    num_params: int
    macs: int
    latencies: tuple[Latency, ...]
    memory_mb: float
    machine: str


def costs_of(artefact: Artefact, device: str = "auto") -> Costs:
    where, info = pick_device(device), artefact.description.info
    parts = [summarize(n, input_shape(e.config, info)) for e, n in members_of(artefact)]
    network = FusedNetwork(artefact.description, artefact.networks).eval().to(where)
    weights = sum(t.nbytes for t in network.state_dict().values())
    clips = {batch: _clips(artefact, batch, where) for batch in BATCHES}
    latencies = tuple(_latency(network, batch, given) for batch, given in clips.items())
    with torch.no_grad(), peak_bytes() as peak:
        network(*clips[max(BATCHES)])
    costs = Costs(
        num_params=sum(part.num_params for part in parts),
        macs=sum(part.macs for part in parts),
        latencies=latencies,
        memory_mb=(peak() + weights) / 2**20,
        machine=_machine(where),
    )
    network.cpu()
    return costs


def robustness(
    artefact: Artefact, store: ArrayStore, protocol: str, device: str = "auto"
) -> list[tuple[float, float]]:
    """Test top-1 in percent where a share of the joints is missing: (share, top-1)."""
    return [(share, _top1_with(artefact, store, protocol, share, device)) for share in NOISES]


def _top1_with(
    artefact: Artefact, store: ArrayStore, protocol: str, share: float, device: str
) -> float:
    description = artefact.description
    noise = {"noise": share, "noise_split": "both"}
    members = tuple(
        entry.model_copy(
            update={
                "config": entry.config.model_copy(
                    update={"data": entry.config.data.model_copy(update=noise)}
                )
            }
        )
        for entry in description.members
    )
    noisy = replace(artefact, description=description.model_copy(update={"members": members}))
    clips, found = Predictor(noisy, device=device).predict_split(store, protocol, "test")
    return 100 * float((found.argmax(axis=1) == store.labels[clips]).mean())


def _latency(network: FusedNetwork, batch: int, clips: Sequence[Tensor]) -> Latency:
    seconds: list[float] = []
    with torch.no_grad():
        network(*clips)  # the first run is slower than all others
        began = time.perf_counter()
        while len(seconds) < _FEWEST or (
            len(seconds) < _MOST and time.perf_counter() - began < _SECONDS
        ):
            start = time.perf_counter()
            network(*clips)
            if clips[0].is_cuda:
                torch.cuda.synchronize()
            seconds.append(time.perf_counter() - start)
    p50, p95 = 1000 * np.percentile(seconds, [50, 95])
    return Latency(batch, float(p50), float(p95))


def _clips(artefact: Artefact, batch: int, device: torch.device) -> list[Tensor]:
    return [clips.to(device) for clips in example_clips(artefact, batch)]


def _machine(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads, torch {torch.__version__}"
