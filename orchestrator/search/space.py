"""Search spaces: what values a dotted path of the trial may take, and when it is searched."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ConfigDict, Field, model_validator

from orchestrator.engine.config import Document

Params = dict[str, Any]


class Domain(Document):
    """One of `choice: [...]`, `float: [low, high]` or `int: [low, high]`.

    `when` maps other paths to the value they must have for this one to be searched.
    """

    model_config = ConfigDict(populate_by_name=True)

    choice: list[Any] | None = Field(None, min_length=1)
    float_range: tuple[float, float] | None = Field(None, alias="float")
    int_range: tuple[int, int] | None = Field(None, alias="int")
    log: bool = Field(False, description="sample the logarithm uniformly")
    step: float | None = Field(None, gt=0, description="distance of neighbouring values")
    when: dict[str, Any] = {}

    @model_validator(mode="after")
    def _has_one_kind(self) -> Domain:
        kinds = [self.choice, self.float_range, self.int_range]
        if sum(kind is not None for kind in kinds) != 1:
            raise ValueError("needs exactly one of choice, float, int")
        if self.choice is None:
            self._check_range()
        elif self.log or self.step:
            raise ValueError("log and step belong to float and int, not to choice")
        return self

    def _check_range(self) -> None:
        low, high = self.bounds
        if low >= high:
            raise ValueError(f"low must be below high, got low={low}, high={high}")
        if self.log and low <= 0:
            raise ValueError(f"log needs a positive low, got low={low}")
        if self.int_range is not None and self.step is not None and self.step % 1:
            raise ValueError(f"the step between ints must be whole, got {self.step}")
        if self.log and self.step is not None:
            raise ValueError("log and step exclude each other")

    @property
    def bounds(self) -> tuple[float, float]:
        bounds = self.float_range or self.int_range
        assert bounds is not None
        return bounds

    @property
    def labels(self) -> list[str | int | float | bool | None]:
        """The choices as scalars: lists and mappings become their JSON text."""
        return [label_of(value) for value in self.choice or []]

    def holds(self, value: Any) -> bool:
        if self.choice is not None:
            return value in self.choice
        low, high = self.bounds
        is_number = isinstance(value, int if self.int_range is not None else int | float)
        return is_number and low <= value <= high

    def grid(self) -> list[Any]:
        """Every value, where the values are countable; else ValueError."""
        if self.choice is not None:
            return self.choice
        low, high = self.bounds
        if self.log or (self.float_range is not None and self.step is None):
            raise ValueError("a grid needs a choice, an int range or a float range with a step")
        step = self.step or 1
        values = [low + i * step for i in range(int((high - low) / step + 1e-9) + 1)]
        return [int(v) for v in values] if self.int_range is not None else values

    @property
    def is_countable(self) -> bool:
        is_float = self.float_range is not None and self.step is None
        return self.choice is not None or not (self.log or is_float)

    def at(self, share: float) -> Any:
        """The value at this share, from 0 to 1, of the way through the domain."""
        if self.is_countable:
            values = self.grid()
            return values[min(int(share * len(values)), len(values) - 1)]
        low, high = self._scaled()
        value = low + share * (high - low)
        value = math.exp(value) if self.log else value
        first, last = self.bounds
        value = min(max(value, first), last)
        return value if self.int_range is None else round(value)

    def share(self, value: Any) -> float:
        """The share of the way at which a value lies: the middle of what `at` turns into it."""
        if self.is_countable:
            values = self.grid()
            return (values.index(value) + 0.5) / len(values)
        low, high = self._scaled()
        return ((math.log(value) if self.log else value) - low) / (high - low)

    def nearest(self, number: float) -> float:
        """The value closest to a number; not for choices."""
        low, high = self.bounds
        value = min(max(number, low), high)
        if self.step is not None:
            known: list[float] = self.grid()
            return min(known, key=lambda value: abs(value - number))
        return value if self.int_range is None else round(value)

    def _scaled(self) -> tuple[float, float]:
        """The bounds on the scale that is walked evenly; of ints with half a step around."""
        half = 0.5 if self.int_range is not None else 0.0
        low, high = self.bounds[0] - half, self.bounds[1] + half
        return (math.log(low), math.log(high)) if self.log else (low, high)


Space = dict[str, Domain]
_ABSENT = object()


def label_of(value: Any) -> str | int | float | bool | None:
    if value is None or isinstance(value, str | int | float):
        return value
    return json.dumps(value)


def is_active(domain: Domain, chosen: Mapping[str, Any], fixed: Mapping[str, Any]) -> bool:
    """Whether every condition of `when` holds for the values chosen so far, or the trial's."""
    return all(chosen.get(p, fixed.get(p, _ABSENT)) == v for p, v in domain.when.items())


def in_space(space: Space, params: Params, fixed: Mapping[str, Any]) -> bool:
    """Whether a search of this space could have proposed exactly these parameters."""
    active = {path for path, domain in space.items() if is_active(domain, params, fixed)}
    return active == params.keys() and all(space[p].holds(v) for p, v in params.items())


def point_at(space: Space, shares: Sequence[float], fixed: Mapping[str, Any]) -> Params:
    """The point at these shares of the domains, one a path; those of inactive paths are unused."""
    params: Params = {}
    for (path, domain), share in zip(space.items(), shares, strict=True):
        if is_active(domain, params, fixed):
            params[path] = domain.at(share)
    return params


def grid_points(space: Space, fixed: Mapping[str, Any]) -> Iterator[Params]:
    """Every distinct combination; inactive paths are left out of it."""
    seen: set[str] = set()
    for values in itertools.product(*(domain.grid() for domain in space.values())):
        params: Params = {}
        for (path, domain), value in zip(space.items(), values, strict=True):
            if is_active(domain, params, fixed):
                params[path] = value
        key = json.dumps(params, sort_keys=True)
        if key not in seen:
            seen.add(key)
            yield params
