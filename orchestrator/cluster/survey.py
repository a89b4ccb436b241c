"""What the nodes of a cluster are: asked of each by a task of its own."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from orchestrator.cluster.nodes import ClusterError, connected, living_nodes
from orchestrator.engine.documents import Raw

_PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class SurveyedNode:
    """A node that answered."""

    host: str
    cpus: float
    gpus: float
    python: str
    torch: str
    clock_ahead: float
    """Seconds before ours, half a round trip in doubt."""


def survey(address: str) -> list[SurveyedNode]:
    """Raises `ClusterError` where the cluster, or a node of it, does not answer."""
    with connected(address):
        try:
            return [_asked(node) for node in living_nodes()]
        except RayError as error:
            raise ClusterError(f"a node of {address} does not answer: {error}") from None


def _asked(node: Raw) -> SurveyedNode:
    strategy = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
    ask = ray.remote(num_cpus=0)(_asker()).options(scheduling_strategy=strategy)
    ray.get(ask.remote(), timeout=_PATIENCE_SECONDS)  # starts the worker
    before = time.time()
    python, torch, clock = ray.get(ask.remote(), timeout=_PATIENCE_SECONDS)
    ahead = clock - (before + time.time()) / 2
    offer = node["Resources"]
    host = node["NodeManagerHostname"]
    return SurveyedNode(host, offer.get("CPU", 0), offer.get("GPU", 0), python, torch, ahead)


def _asker() -> Any:
    """A function that is sent by value: nodes need not have our code."""

    def ask() -> tuple[str, str, float]:
        import platform
        import time
        from importlib.metadata import PackageNotFoundError, version

        try:
            torch = version("torch")
        except PackageNotFoundError:
            torch = "missing"
        return platform.python_version(), torch, time.time()

    return ask


def stale_address() -> str | None:
    """The cluster that Ray has noted as running here, if it does not answer."""
    note = Path(os.environ.get("RAY_TMPDIR", "/tmp"), "ray", "ray_current_cluster")
    address = note.read_text().strip() if note.exists() else ""
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        return None
    with socket.socket() as probe:
        probe.settimeout(2)
        return address if probe.connect_ex((host, int(port))) else None
