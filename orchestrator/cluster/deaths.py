"""What a worker died of, as far as Ray knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import (
    ActorUnavailableError,
    LocalRayletDiedError,
    NodeDiedError,
    OutOfMemoryError,
    OwnerDiedError,
    RayActorError,
    RayTaskError,
)
from ray.tune.experiment import Trial

from orchestrator.causes import Cause, cause_of

_LOST = (ActorUnavailableError, LocalRayletDiedError, NodeDiedError, OwnerDiedError)
_LOST_WORDS = ("node has died", "node is dead", "node died", "node has crashed")


def cause_of_death(error: BaseException) -> Cause:
    """Why an attempt ended without a result of its worker."""
    original = error.__cause__ if isinstance(error.__cause__, Exception) else error
    if isinstance(error, RayActorError) and error.preempted:
        return Cause.PREEMPTED
    if isinstance(original, OutOfMemoryError) or "running low on memory" in str(error):
        return Cause.OUT_OF_HOST_MEMORY
    if isinstance(original, _LOST) or any(words in str(error) for words in _LOST_WORDS):
        return Cause.LOST_NODE
    if isinstance(original, RayTaskError) or getattr(error, "actor_init_failed", False):
        return cause_of(getattr(original, "cause", original))
    return Cause.CRASHED


@contextmanager
def deaths_by_trial() -> Iterator[dict[str, Exception]]:
    """Within, what each trial of Ray Tune died of is kept, by Ray's id of the trial.

    Ray Tune tells its callbacks that a trial died, not of what. And it knows two families of
    errors alone: at any other, as of Ray's own memory monitor, it ends the whole run. Here those
    are deaths like others.
    """
    deaths: dict[str, Exception] = {}
    task_failed, handle_error = RayActorManager._actor_task_failed, Trial.handle_error

    def told_as_a_death(
        manager: RayActorManager, tracked_actor_task: Any, exception: Exception
    ) -> None:
        death = exception
        if not isinstance(exception, RayActorError | RayTaskError):
            death = RayActorError(error_msg=str(exception))
            death.__cause__ = exception
        task_failed(manager, tracked_actor_task, death)

    def keep(trial: Trial, exc: Any = None) -> None:
        if exc is not None:
            deaths[trial.trial_id] = exc
        handle_error(trial, exc)

    _replace(told_as_a_death, keep)
    try:
        yield deaths
    finally:
        _replace(task_failed, handle_error)


def _replace(task_failed: Callable[..., None], handle_error: Callable[..., None]) -> None:
    RayActorManager._actor_task_failed = task_failed  # type: ignore[method-assign]
    Trial.handle_error = handle_error  # type: ignore[method-assign]
