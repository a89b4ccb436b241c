import pytest

from orchestrator.causes import Cause
from orchestrator.cluster.demand import demand
from orchestrator.spec import Resources

NODE = Resources(cpu=16, gpu=4)


@pytest.mark.parametrize(
    ("share", "times", "expected"),
    [(0.2, 1, 0.4), (0.25, 2, 1.0), (0.6, 1, 1.0), (0.6, 2, None), (1, 1, None), (2, 1, None)],
)
def test_the_share_of_a_gpu_doubles_up_to_a_whole_one(share, times, expected):
    found = demand(Resources(cpu=2, gpu=share), [Cause.OUT_OF_MEMORY] * times, NODE)

    assert (found and found.gpu) == expected
    assert found is None or found.cpu == 2


def test_out_of_host_memory_gets_a_node_to_itself_once():
    first, death = Resources(cpu=2, gpu=0.5), Cause.OUT_OF_HOST_MEMORY

    assert demand(first, [death], NODE) == Resources(cpu=16, gpu=0.5)
    assert demand(first, [death, death], NODE) is None


def test_both_kinds_of_memory_are_raised_apart():
    causes = [Cause.OUT_OF_MEMORY, Cause.OUT_OF_HOST_MEMORY]

    assert demand(Resources(gpu=0.5), causes, NODE) == Resources(cpu=16, gpu=1)
