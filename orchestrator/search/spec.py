"""What a search looks through, how it proposes its trials, and when it ends."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from orchestrator.engine.config import Document
from orchestrator.objective import Objective
from orchestrator.search.constraints import Constraint
from orchestrator.search.sampler_spec import Sampler
from orchestrator.search.scheduler_spec import Scheduler
from orchestrator.search.space import Params, Space, grid_points, in_space, is_active

Point = Literal["trial"] | dict[str, Any]


class Stop(Document):
    """When a search starts no more trials, though it has not had as many as `trials` says.

    What runs is brought to its end.
    """

    hours: float | None = Field(
        None, gt=0, description="time during which trials ran, over all runs of the study"
    )
    patience: int | None = Field(
        None, ge=1, description="trials in a row that were no better than the best before them"
    )


class Search(Document):
    """How many trials, proposed by which sampler from which space, stopped early by what."""

    trials: int = Field(ge=1)
    space: Annotated[Space, Field(min_length=1)]
    constraints: list[Constraint] = []
    points: list[Point] = Field(
        [], description="tried first; the sampler fills in what one leaves out. trial: as its file"
    )
    warm_start: list[str] = Field(
        [], description="studies whose fitting trials the sampler knows from the start"
    )
    further_objectives: list[Objective] = Field(
        [], description="of each trial's best epoch, or of its result: macs, num_params"
    )
    sampler: Sampler = Field(default={"name": "tpe"}, validate_default=True)
    scheduler: Scheduler = Field(default={"name": "none"}, validate_default=True)
    stop: Stop = Field(default={}, validate_default=True)
    seed: int = Field(0, ge=0, description="of the sampler; the trials' seed is the trial file's")

    def allows(self, params: Params, fixed: Mapping[str, Any]) -> bool:
        """Whether the search could propose exactly these parameters."""
        values = {**fixed, **params}
        return in_space(self.space, params, fixed) and all(
            constraint.holds(values) for constraint in self.constraints
        )

    def grid(self, fixed: Mapping[str, Any]) -> Iterator[Params]:
        """Every point, where all domains are countable."""
        return (point for point in grid_points(self.space, fixed) if self.allows(point, fixed))

    def resolved_points(self, fixed: Mapping[str, Any]) -> list[Params]:
        """The points to try first; `trial` as the trial file's values of all active paths."""
        own: Params = {}
        for path, domain in self.space.items():
            if is_active(domain, own, fixed) and path in fixed:
                own[path] = fixed[path]
        return [own if point == "trial" else dict(point) for point in self.points]

    @property
    def num_grid_points(self) -> float:
        """Before conditions and constraints; infinite where a path is not countable."""
        if not all(domain.is_countable for domain in self.space.values()):
            return math.inf
        return math.prod(len(domain.grid()) for domain in self.space.values())

    @model_validator(mode="after")
    def _conditions_come_first(self) -> Search:
        paths = list(self.space)
        for number, (path, domain) in enumerate(self.space.items()):
            for condition in domain.when:
                if condition in paths[number:]:
                    raise ValueError(f"space.{path}: {condition} must stand before it")
        return self

    @model_validator(mode="after")
    def _grid_is_countable(self) -> Search:
        if self.sampler.name == "grid":
            for path, domain in self.space.items():
                try:
                    domain.grid()
                except ValueError as error:
                    raise ValueError(f"space.{path}: {error}") from None
        return self

    @model_validator(mode="after")
    def _sampler_takes_the_space(self) -> Search:
        name, spec = self.sampler.name, self.sampler
        for path, domain in self.space.items():
            if domain.when and not spec.takes_conditions:
                raise ValueError(
                    f"space.{path}: {name} would draw paths with `when` at random; "
                    "take tpe, or random, quasi_random, grid"
                )
            if domain.choice is not None and not spec.takes_choices:
                raise ValueError(
                    f"space.{path}: {name} takes numbers only, got a choice; take tpe, gp or nsga2"
                )
        if name == "cmaes" and len(self.space) < 2:
            raise ValueError("space: cmaes needs at least two paths; take gp or tpe")
        return self

    @model_validator(mode="after")
    def _sampler_takes_what_it_is_told(self) -> Search:
        name, spec = self.sampler.name, self.sampler
        if self.further_objectives and not spec.takes_objectives:
            raise ValueError(f"further_objectives: {name} has one objective; take nsga2, tpe or gp")
        if self.warm_start and not spec.learns:
            raise ValueError(f"warm_start: {name} does not look at earlier trials; take tpe or gp")
        return self

    @model_validator(mode="after")
    def _points_lie_in_the_space(self) -> Search:
        for number, point in enumerate(self.points):
            for path, value in point.items() if point != "trial" else ():
                if path not in self.space or not self.space[path].holds(value):
                    message = "is not searched" if path not in self.space else "is not in the space"
                    raise ValueError(f"points.{number}: {path} = {value!r} {message}")
        return self
