"""How much memory tensors take, counted from the outside."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class _LiveStorages(TorchDispatchMode):
    """Bytes of the storages that operations made and that are still referred to."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.peak = 0
        self._known: weakref.WeakSet[Any] = weakref.WeakSet()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        given = {id(s) for s in map(_storage, tree_leaves((args, kwargs))) if s is not None}
        out = func(*args, **(kwargs or {}))
        for storage in map(_storage, tree_leaves(out)):
            if storage is not None and id(storage) not in given:
                self._count(storage)
        return out

    def _count(self, storage: Any) -> None:
        if storage in self._known:
            return
        self._known.add(storage)
        size = storage.nbytes()
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._forget, size)

    def _forget(self, size: int) -> None:
        self.now -= size


def _storage(leaf: Any) -> Any:
    return leaf.untyped_storage() if isinstance(leaf, Tensor) else None


@contextmanager
def peak_bytes() -> Iterator[Callable[[], int]]:
    """Within, the tensors that operations make are counted; the call tells the most at a time.

    Workspace that a kernel takes for itself is not seen.
    """
    with _LiveStorages() as storages:
        yield lambda: storages.peak


def occupied_bytes(device: torch.device) -> int:
    """The most that this process took of a GPU that nothing else uses: tensors, cache, context."""
    free, total = torch.cuda.mem_get_info(device)
    context = total - free - torch.cuda.memory_reserved(device)
    return max(0, context) + torch.cuda.max_memory_reserved(device)
