"""What trials need of a GPU's memory, measured on the cluster before they are packed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import ray
import torch
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from data.preparation import ensure_store
from orchestrator.cluster.attempts import Job
from orchestrator.cluster.nodes import living_nodes
from orchestrator.cluster.packing import GpuKind, Packing
from orchestrator.engine.config import TrialConfig
from orchestrator.engine.documents import Raw
from orchestrator.engine.memory import occupied_bytes
from orchestrator.engine.network import estimated_bytes
from orchestrator.engine.probe import probe
from orchestrator.records import TrialPlan
from orchestrator.storage.worker import Kept

SECONDS_A_PROBE = 5.0
_PATIENCE = 600.0
_KIND = "accelerator_type:"
Tell = Callable[[str], None]


def packed(job: Job, plans: Sequence[TrialPlan], tell: Tell) -> Job:
    """The job with shares by measured memory; without GPUs if the cluster has none."""
    kinds = gpu_kinds()
    if not kinds:
        tell("no node has a GPU: trials run without")
        return replace(job, resources=job.resources.least, device="cpu")

    def measure(plans: Sequence[TrialPlan]) -> Iterator[tuple[TrialPlan, int]]:
        for plan, found in measured(plans, job.kept, job.resources.cpu):
            if isinstance(found, int):
                tell(f"measured  {plan.name}: {found / 2**30:.2f} GiB of GPU memory")
                yield plan, found
            else:
                tell(f"measured  {plan.name}: failed, so it is foretold ({found})")

    def estimate(config: TrialConfig) -> int:
        return estimated_bytes(
            config, ensure_store(config.data.name, Path(job.kept.data_root)).info
        )

    packing = Packing(job.resources, kinds, measure, estimate)
    packing.learn(plans)
    return replace(job, packing=packing)


def gpu_kinds() -> list[GpuKind]:
    """One a node that has GPUs; nodes with GPUs of several sizes count as their smallest."""
    nodes = [node for node in living_nodes() if node["Resources"].get("GPU", 0) > 0]
    sizes = ray.get([_on(node["NodeID"]).remote() for node in nodes])
    return [GpuKind(_kind(node), size) for node, size in zip(nodes, sizes, strict=True)]


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
    plans: Sequence[TrialPlan], kept: Kept, cpu: float
) -> Iterator[tuple[TrialPlan, int | str]]:
    """Bytes of each, or why they are not known. Each has a GPU to itself while it is measured.

    Those for which no GPU becomes free within ten minutes are left out.
    """
    task = ray.remote(_need).options(num_cpus=cpu, num_gpus=1, max_calls=1, max_retries=0)
    waiting = {task.remote(p.config, p.data_digest, asdict(kept)): p for p in plans}
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


def _need(plain: Raw, data_digest: str, kept: Raw) -> int:
    """A training that fills the GPU needs all of it."""
    device, place = torch.device("cuda"), Kept(**kept)
    config = place.with_weights(TrialConfig.model_validate(plain))
    data_root = place.data(config.data.name, data_digest)
    try:
        probe(config, data_root=data_root, device="cuda", seconds=SECONDS_A_PROBE)
    except torch.cuda.OutOfMemoryError:
        return int(torch.cuda.get_device_properties(device).total_memory)
    return occupied_bytes(device)
