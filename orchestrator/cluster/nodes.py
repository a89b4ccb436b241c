"""A connection to Ray: a cluster of ours on this machine, or one that is there."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.engine.documents import Raw
from orchestrator.engine.errors import SkelTuneError
from orchestrator.interruption import sigterm_as_ctrl_c
from orchestrator.spec import Resources

PACKAGE_ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("orchestrator", "models", "losses", "data")
_ENVIRONMENT = {
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_AIR_NEW_OUTPUT": "0",  # our own view tells how it goes
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # no files of Ray's: our log has everything
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # a failed trial reports no metric
    "TUNE_GLOBAL_CHECKPOINT_S": str(10**6),  # nothing is restored from Ray's snapshots
}


@dataclass(frozen=True)
class Cluster:
    """Where trials run: `address` None means a Ray of our own on this machine."""

    address: str | None = None
    num_cpus: int | None = None


LOCAL = Cluster()


class ClusterError(SkelTuneError):
    """The cluster cannot be reached."""


class NoResourcesError(SkelTuneError):
    """No node of the cluster offers what one trial asks for."""


@contextmanager
def cluster(where: Cluster, needed: Resources) -> Iterator[None]:
    """A connection to Ray; one of our own ends with the block.

    Raises `ClusterError` where there is none and `NoResourcesError` where a trial could never be
    placed. Within the block SIGTERM means what Ctrl-C means: stop cleanly.
    """
    import ray  # a second, and most commands do without

    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    logging.getLogger("ray._private.authentication").setLevel(logging.ERROR)
    options: dict[str, Any] = {"address": where.address or "local"}
    if where.address is None:
        options |= {"num_cpus": where.num_cpus, "include_dashboard": False}
    else:
        options["runtime_env"] = runtime_env()
    try:
        ray.init(log_to_driver=False, logging_level=logging.WARNING, **options)
    except (ConnectionError, RuntimeError, TimeoutError) as error:
        raise ClusterError(f"Ray at {options['address']} cannot be used: {error}") from None
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    try:
        with sigterm_as_ctrl_c():
            require_room(needed)
            yield
    finally:
        ray.shutdown()


def require_room(needed: Resources) -> None:
    """Raise `NoResourcesError` unless some living node could hold one trial."""
    import ray

    nodes: list[Raw] = ray.nodes()  # type: ignore[no-untyped-call]
    offers = [node["Resources"] for node in nodes if node["Alive"]]
    wanted = {"CPU": needed.cpu, "GPU": needed.gpu}
    if any(all(offer.get(k, 0) >= v for k, v in wanted.items()) for offer in offers):
        return
    found = "; ".join(f"{o.get('CPU', 0):g} CPU, {o.get('GPU', 0):g} GPU" for o in offers)
    raise NoResourcesError(
        f"a trial asks for {needed.cpu:g} CPU and {needed.gpu:g} GPU, and no node has that "
        f"(nodes: {found}); change resources in the study file, or say --cpu and --gpu"
    )


def runtime_env() -> Raw:
    """Our packages for workers on other machines; everything else beside them stays here."""
    others = [p.name for p in PACKAGE_ROOT.iterdir() if p.name not in SHIPPED]
    excludes = [f"/{name}" for name in others] + ["**/__pycache__"]
    return {"working_dir": str(PACKAGE_ROOT), "excludes": excludes}
