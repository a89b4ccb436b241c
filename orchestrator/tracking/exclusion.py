"""One promoter a model at a time, on any MLflow store.

MLflow has no compare-and-set, but names of registered models are primary keys: of all who create
`NAME.lock` the database lets one. So the lock is a registered model, which says in its description
who holds it; an embedded SQLite file and a server before any database decide alike. The holder
reads the champion, compares and moves the alias before anybody else does.

A holder that is provably gone (its process, on this machine) is followed: its lock is renamed to
`NAME.lock.ID`, a name that only one can take, since it is never removed. So nobody can rename away
the lock of a follower. What cannot be proved is left to the user: the error says what to delete.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from orchestrator.engine.errors import SkelTuneError
from orchestrator.storage.lease import Owner

_SECONDS_BETWEEN_TRIES = 0.3
_GONE, _TAKEN = "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS"
Fence = Callable[[], None]
"""Raises `RegistryBusyError` where the lock is not ours any more."""


class RegistryBusyError(SkelTuneError):
    """Somebody else promotes a model of this name."""


@contextmanager
def alone(client: MlflowClient, name: str, seconds: float = 120.0) -> Iterator[Fence]:
    """Hold the model's lock; raises `RegistryBusyError` if it is not free in so many seconds."""
    lock, mine = f"{name}.lock", Owner.this_process()
    _take(client, lock, mine, seconds)
    try:
        yield lambda: _require(client, lock, mine)
    finally:
        if _holder(client, lock) == mine:
            client.delete_registered_model(lock)


def _take(client: MlflowClient, lock: str, mine: Owner, seconds: float) -> None:
    limit = time.monotonic() + seconds
    while not _created(client, lock, mine):
        holder = _holder(client, lock)
        if holder is not None and holder.is_gone:
            _bury(client, lock, holder)
        elif holder is not None and time.monotonic() > limit:
            raise RegistryBusyError(
                f"the registry is held by {holder}; wait until it has ended. If that is gone for "
                f"certain, delete the registered model {lock}"
            )
        else:
            time.sleep(_SECONDS_BETWEEN_TRIES)


def _created(client: MlflowClient, lock: str, mine: Owner) -> bool:
    try:
        client.create_registered_model(lock, description=json.dumps(asdict(mine)))
    except MlflowException as error:
        if error.error_code != _TAKEN:
            raise
        return False
    return True


def _holder(client: MlflowClient, lock: str) -> Owner | None:
    try:
        described = client.get_registered_model(lock).description
    except MlflowException as error:
        if error.error_code != _GONE:
            raise
        return None
    try:
        return Owner(**json.loads(described or ""))
    except (ValueError, TypeError):
        raise RegistryBusyError(f"the registered model {lock} is no lock; delete it") from None


def _bury(client: MlflowClient, lock: str, holder: Owner) -> None:
    """Whoever comes second finds the name taken, or the lock gone."""
    try:
        client.rename_registered_model(lock, f"{lock}.{holder.id}")
    except MlflowException as error:
        if error.error_code not in {_GONE, _TAKEN}:
            raise


def _require(client: MlflowClient, lock: str, mine: Owner) -> None:
    if _holder(client, lock) != mine:
        raise RegistryBusyError(f"{lock} was taken away while it was held; nothing was moved")
