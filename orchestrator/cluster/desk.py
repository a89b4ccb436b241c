"""Where the workers of one training and its driver leave word for each other."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.causes import Cause
from orchestrator.engine.documents import Raw
from orchestrator.engine.state import EpochMetrics


@dataclass(frozen=True)
class News:
    """What workers have told since the last look; the first error is the one that matters."""

    epochs: list[EpochMetrics]
    result: Raw | None
    cause: Cause | None
    error: str


class Desk:
    """An actor between workers and driver: epochs go one way, the wish to stop the other."""

    def __init__(self) -> None:
        self._epochs: list[EpochMetrics] = []
        self._result: Raw | None = None
        self._error: tuple[Cause | None, str] = (None, "")
        self._goes_on = True

    def tell(self, metrics: EpochMetrics) -> bool:
        """Whether another epoch is wanted."""
        self._epochs.append(metrics)
        return self._goes_on

    def finish(self, result: Raw) -> None:
        self._result = result

    def fail(self, cause: Cause, error: str) -> None:
        if self._error[0] is None:
            self._error = cause, error

    def stop(self) -> None:
        self._goes_on = False

    def news(self) -> News:
        epochs, self._epochs = self._epochs, []
        return News(epochs, self._result, *self._error)
