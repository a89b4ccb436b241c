"""What the values of a trial must be to each other."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from orchestrator.engine.config import Document

_RELATIONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    ">": operator.gt,
}

Paths = Annotated[list[str], Field(min_length=1)]


class Constraint(Document):
    """`{left: [model.width, batch_size], op: <=, right: 512}`: points that break it are not tried.

    A side is a dotted path, several paths whose values are multiplied, or a number.
    """

    left: str | Paths
    op: Literal["<", "<=", "==", "!=", ">=", ">"]
    right: float | str | Paths

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether it holds; it does where one of its paths has no value in this trial.

        Raises ValueError for a value that is no number.
        """
        if any(values.get(path) is None for path in self.paths):
            return True
        return _RELATIONS[self.op](_side(self.left, values), _side(self.right, values))

    @property
    def paths(self) -> list[str]:
        return [path for side in (self.left, self.right) for path in _paths(side)]

    def __str__(self) -> str:
        sides = (" * ".join(_paths(side)) or f"{side:g}" for side in (self.left, self.right))
        return f" {self.op} ".join(sides)


def _paths(side: float | str | list[str]) -> list[str]:
    if isinstance(side, float):
        return []
    return [side] if isinstance(side, str) else side


def _side(side: float | str | list[str], values: Mapping[str, Any]) -> float:
    if isinstance(side, float):
        return side
    return math.prod(_number(path, values[path]) for path in _paths(side))


def _number(path: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"a constraint compares numbers, {path} is {value!r}")
    return value
