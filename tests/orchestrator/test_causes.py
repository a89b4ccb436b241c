import errno

import pytest
import torch

from orchestrator.causes import (
    FRUITLESS_ATTEMPTS,
    Cause,
    Loss,
    SameErrors,
    cause_of,
    may_try_again,
    signature,
    traceback_of,
)
from orchestrator.engine.errors import DivergedError

CRASH, NODE = Loss(Cause.CRASHED, 0), Loss(Cause.LOST_NODE, 0)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (ValueError("groups do not divide channels"), Cause.USER_ERROR),
        (DivergedError("train/loss is not finite"), Cause.DIVERGED),
        (torch.OutOfMemoryError("CUDA out of memory"), Cause.OUT_OF_MEMORY),
        (RuntimeError("cuBLAS error: CUBLAS_STATUS_ALLOC_FAILED"), Cause.OUT_OF_MEMORY),
        (MemoryError(), Cause.OUT_OF_HOST_MEMORY),
        (OSError(errno.ENOSPC, "No space left on device"), Cause.STORAGE),
        (PermissionError(errno.EACCES, "Permission denied"), Cause.STORAGE),
        (FileNotFoundError(errno.ENOENT, "No such file"), Cause.USER_ERROR),
    ],
    ids=lambda value: value.value if isinstance(value, Cause) else type(value).__name__,
)
def test_an_error_has_a_cause(error, cause):
    assert cause_of(error) is cause


def test_more_memory_than_any_machine_has_is_out_of_host_memory():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**58)

    assert cause_of(caught.value) is Cause.OUT_OF_HOST_MEMORY


@pytest.mark.parametrize(
    ("losses", "retries", "expected"),
    [
        ([CRASH], 0, False),
        ([CRASH], 1, True),
        ([CRASH, CRASH], 1, False),
        ([NODE] * 5, 0, True),
        ([NODE] * 5 + [CRASH], 1, True),
        ([NODE] * FRUITLESS_ATTEMPTS, 9, False),
        ([Loss(Cause.PREEMPTED, n) for n in range(99)], 0, True),
    ],
)
def test_crashes_count_and_lost_nodes_do_not_unless_nothing_gets_done(losses, retries, expected):
    assert may_try_again(losses, retries) is expected


def raised(divisor: int) -> str:
    try:
        divisor / (divisor - divisor)
    except ZeroDivisionError as error:
        return traceback_of(error)
    raise AssertionError


def test_the_same_line_of_ours_is_the_same_error_whatever_the_numbers():
    assert signature(raised(1)) == signature(raised(2))
    assert signature("ValueError: shape 3 x 4") == signature("ValueError: shape 31 x 7")
    assert signature("ValueError: shape 3") != signature("TypeError: shape 3")


def test_one_error_in_all_of_the_first_trials_is_told_once():
    same = SameErrors(2)

    told = [same.ended(Cause.USER_ERROR, f"ValueError: {number}") for number in range(4)]

    assert told == [False, True, False, False]


@pytest.mark.parametrize(
    "first", [(None, None), (Cause.CRASHED, "ValueError: 1"), (Cause.USER_ERROR, "TypeError: 1")]
)
def test_a_trial_that_ended_otherwise_shows_that_it_is_not_the_study(first):
    same = SameErrors(2)

    assert not same.ended(*first)
    assert not any(same.ended(Cause.USER_ERROR, "ValueError: 1") for _ in range(4))


def test_without_a_limit_every_trial_is_tried():
    same = SameErrors(None)

    assert not any(same.ended(Cause.USER_ERROR, "ValueError: 1") for _ in range(9))
