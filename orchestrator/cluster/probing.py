"""What trials need of a GPU's memory, measured on the cluster before they are packed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import ray
import torch
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from orchestrator.cluster.packing import GpuKind
from orchestrator.engine.config import TrialConfig
from orchestrator.engine.documents import Raw
from orchestrator.engine.memory import occupied_bytes
from orchestrator.engine.probe import probe

SECONDS_A_PROBE = 5.0
_PATIENCE = 600.0
_KIND = "accelerator_type:"


def gpu_kinds() -> list[GpuKind]:
    """One a node that has GPUs; nodes with GPUs of several sizes count as their smallest."""
    nodes: list[Raw] = ray.nodes()  # type: ignore[no-untyped-call]
    alive = [node for node in nodes if node["Alive"] and node["Resources"].get("GPU", 0) > 0]
    sizes = ray.get([_on(node["NodeID"]).remote() for node in alive])
    return [GpuKind(_kind(node), size) for node, size in zip(alive, sizes, strict=True)]


def _kind(node: Raw) -> str:
    names = (name.removeprefix(_KIND) for name in node["Resources"] if name.startswith(_KIND))
    return next(names, "")


def _on(node: str) -> Any:
    here = NodeAffinitySchedulingStrategy(node, soft=False)
    return ray.remote(_smallest_gpu).options(num_cpus=0, scheduling_strategy=here)


def _smallest_gpu() -> int:
    """Bytes; a task that asks for no GPU sees all of its node."""
    gpus = map(torch.cuda.get_device_properties, range(torch.cuda.device_count()))
    return min(int(gpu.total_memory) for gpu in gpus)


def measured(
    configs: Iterable[TrialConfig], data_root: Path, cpu: float
) -> Iterator[tuple[TrialConfig, int | str]]:
    """Bytes of each, or why they are not known. Each has a GPU to itself while it is measured.

    Those for which no GPU becomes free within ten minutes are left out.
    """
    task = ray.remote(_need).options(num_cpus=cpu, num_gpus=1, max_calls=1, max_retries=0)
    waiting = {task.remote(config.plain(), str(data_root)): config for config in configs}
    until = time.monotonic() + _PATIENCE
    while waiting and (left := until - time.monotonic()) > 0:
        done, _ = ray.wait(list(waiting), timeout=left)
        for ref in done:
            yield waiting.pop(ref), _told(ref)
            until = time.monotonic() + _PATIENCE
    for ref in waiting:
        ray.cancel(ref)


def _told(ref: ray.ObjectRef[int]) -> int | str:
    try:
        return ray.get(ref)
    except ray.exceptions.RayError as error:
        return str(error).strip().splitlines()[-1]


def _need(plain: Raw, data_root: str) -> int:
    """A training that fills the GPU needs all of it."""
    device = torch.device("cuda")
    config = TrialConfig.model_validate(plain)
    try:
        probe(config, data_root=Path(data_root), device="cuda", seconds=SECONDS_A_PROBE)
    except torch.cuda.OutOfMemoryError:
        return int(torch.cuda.get_device_properties(device).total_memory)
    return occupied_bytes(device)
