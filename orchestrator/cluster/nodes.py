"""A connection to Ray: a cluster of ours on this machine, or one that is there."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from orchestrator.cluster.shipping import shipped_code
from orchestrator.engine.documents import Raw
from orchestrator.engine.errors import SkelTuneError
from orchestrator.interruption import sigterm_as_ctrl_c
from orchestrator.spec import Resources

_MAY_LISTEN_TO_OTHERS = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
_SECONDS_BETWEEN_LOOKS = 1.0
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
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    with _connection(where), sigterm_as_ctrl_c():
        require_room(needed)
        yield


@contextmanager
def connected(address: str) -> Iterator[None]:
    """A connection without our code, to look at a cluster; raises `ClusterError`."""
    with _initialised({"address": address}):
        yield


@contextmanager
def _connection(where: Cluster) -> Iterator[None]:
    if where.address is None:
        own: Raw = {"address": "local", "num_cpus": where.num_cpus, "include_dashboard": False}
        with _on_loopback(), _initialised(own):
            yield
        return
    with shipped_code() as code:
        given = {} if is_ray_job() else {"runtime_env": {"working_dir": str(code)}}
        with _initialised({"address": where.address} | given):
            yield


@contextmanager
def _on_loopback() -> Iterator[None]:
    """Ray and all that it starts listen to this machine alone, as they do on macOS.

    Ray's processes read the variable; this one has read it when it imported Ray.
    """
    from ray._private import ray_constants

    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    os.environ[_MAY_LISTEN_TO_OTHERS] = "0"
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before
        del os.environ[_MAY_LISTEN_TO_OTHERS]


@contextmanager
def _initialised(options: Raw) -> Iterator[None]:
    import ray  # a second, and most commands do without

    _require_answer(options["address"])
    logging.getLogger("ray._private.authentication").setLevel(logging.ERROR)
    try:
        ray.init(log_to_driver=False, logging_level=logging.WARNING, **options)
    except (ConnectionError, RuntimeError, TimeoutError) as error:
        raise ClusterError(f"Ray at {options['address']} cannot be used: {error}") from None
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # lost trials are told by ourselves
    try:
        yield
    finally:
        ray.shutdown()


def _require_answer(address: str) -> None:
    """Raise `ClusterError` where nothing listens: Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError as error:
        raise ClusterError(f"Ray at {address} cannot be used: {error}") from None


def is_ray_job() -> bool:
    """Whether this is the driver of a Ray job, whose code has been shipped with it."""
    return "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ


def require_room(needed: Resources) -> None:
    """Raise `NoResourcesError` unless some living node could hold one trial."""
    offers = [node["Resources"] for node in living_nodes()]
    if has_room(offers, needed):
        return
    found = "; ".join(f"{o.get('CPU', 0):g} CPU, {o.get('GPU', 0):g} GPU" for o in offers)
    raise NoResourcesError(
        f"a trial asks for {needed.cpu:g} CPU and {needed.gpu:g} GPU, and no node has that "
        f"(nodes: {found}); change resources in the study file, or say --cpu and --gpu"
    )


def has_room(offers: list[Raw], needed: Resources) -> bool:
    """Whether a node that offers one of these could hold a trial."""
    return any(all(offer.get(k, 0) >= v for k, v in needed.asked.items()) for offer in offers)


def living_nodes() -> list[Raw]:
    import ray

    nodes: list[Raw] = ray.nodes()  # type: ignore[no-untyped-call]
    return [node for node in nodes if node["Alive"]]


def wait_for_nodes(address: str, count: int, needed: Resources, patience: float) -> list[Raw]:
    """The nodes, once `count` have joined and one could hold a trial; `ClusterError` if not."""
    limit = time.monotonic() + patience
    while True:
        try:
            with connected(address):
                return _joined(count, needed, limit)
        except ClusterError:
            if time.monotonic() > limit:
                raise
            time.sleep(_SECONDS_BETWEEN_LOOKS)


def _joined(count: int, needed: Resources, limit: float) -> list[Raw]:
    while True:
        nodes = living_nodes()
        if len(nodes) >= count and has_room([node["Resources"] for node in nodes], needed):
            return nodes
        if time.monotonic() > limit:
            asked = f"{count} with one of {needed.cpu:g} CPU and {needed.gpu:g} GPU"
            raise ClusterError(f"{len(nodes)} nodes have joined, waited for {asked}")
        time.sleep(_SECONDS_BETWEEN_LOOKS)
