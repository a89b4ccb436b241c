"""How a search proposes its trials, and which it stops early."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from orchestrator.engine.config import Document
from orchestrator.space import Space


class RandomSampler(Document):
    name: Literal["random"]


class GridSampler(Document):
    """Every combination once, in the order of the file; `trials` may cut it short."""

    name: Literal["grid"]


class TPESampler(Document):
    """Tree-structured Parzen estimator."""

    name: Literal["tpe"]
    startup_trials: int = Field(10, ge=1, description="random trials before the first estimate")
    candidates: int = Field(24, ge=1)


class NoScheduler(Document):
    name: Literal["none"]


class ASHAScheduler(Document):
    """Asynchronous successive halving: at each rung the best 1/reduction_factor go on."""

    name: Literal["asha"]
    grace_epochs: int = Field(5, ge=1)
    reduction_factor: float = Field(3, gt=1)


Sampler = Annotated[RandomSampler | GridSampler | TPESampler, Field(discriminator="name")]
Scheduler = Annotated[NoScheduler | ASHAScheduler, Field(discriminator="name")]


class Search(Document):
    """How many trials, proposed by which sampler from which space, stopped early by what."""

    trials: int = Field(ge=1)
    space: Annotated[Space, Field(min_length=1)]
    sampler: Sampler = Field(default={"name": "tpe"}, validate_default=True)
    scheduler: Scheduler = Field(default={"name": "none"}, validate_default=True)
    seed: int = Field(0, ge=0, description="of the sampler; the trials' seed is the trial file's")

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
