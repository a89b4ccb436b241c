from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.checkup.listening import servers
from orchestrator.cluster.nodes import Cluster, ClusterError, cluster, has_room, wait_for_nodes
from orchestrator.spec import Resources


def test_a_trial_needs_a_node_that_has_all_of_what_it_asks_for():
    offers = [{"CPU": 8.0}, {"CPU": 1.0, "GPU": 4.0}]

    assert has_room(offers, Resources(cpu=1, gpu=4))
    assert has_room(offers, Resources(cpu=8))
    assert not has_room(offers, Resources(cpu=2, gpu=1))


def test_a_cluster_that_does_not_come_is_named_when_patience_is_over():
    with pytest.raises(ClusterError, match=r"127\.0\.0\.1:1 cannot be used"):
        wait_for_nodes("127.0.0.1:1", 1, Resources(), patience=0)


@pytest.mark.slow
def test_a_ray_of_our_own_listens_to_this_machine_alone_and_asks_for_a_token():
    before = dict(os.environ)

    with cluster(Cluster(num_cpus=1), Resources()):
        ours = [s for s in servers(Path("/proc")) if s.kind == "Ray" and _is_ours(s.pid)]

    assert [(server.is_open, server.asks_who_calls) for server in ours] == [(False, True)]
    assert "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER" not in os.environ.keys() - before.keys()


def _is_ours(pid: int) -> bool:
    """Whether this process started it."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    parent = next(line.split()[1] for line in status if line.startswith("PPid:"))
    return int(parent) == os.getpid()
