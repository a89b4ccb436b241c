"""Work done ahead of its use, in threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


def prefetched(
    make: Callable[[Job], Result], jobs: Iterable[Job], *, ahead: int = 2
) -> Iterator[Result]:
    """make(job) for every job, in order, with `ahead` further jobs begun before each is handed out.

    What `make` raises is raised here, at its place in the order.
    """
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(max_workers=ahead, thread_name_prefix="batches") as threads:
        try:
            for job in jobs:
                pending.append(threads.submit(make, job))
                if len(pending) > ahead:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
