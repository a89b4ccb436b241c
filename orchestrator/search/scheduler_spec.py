"""Which trials a search stops early."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from orchestrator.engine.config import Document

Factor = Annotated[float, Field(gt=0)]


class NoScheduler(Document):
    name: Literal["none"]


class ASHAScheduler(Document):
    """Asynchronous successive halving: at each rung the best 1/reduction_factor go on."""

    name: Literal["asha"]
    grace_epochs: int = Field(5, ge=1)
    reduction_factor: float = Field(3, gt=1)


class HyperbandScheduler(Document):
    """Several halvings side by side, each more patient than the one before (Li et al., 2018)."""

    name: Literal["hyperband"]
    grace_epochs: int = Field(2, ge=1, description="of the bracket that stops first")
    reduction_factor: float = Field(3, gt=1)
    brackets: int = Field(3, ge=2)


class MedianScheduler(Document):
    """Stops a trial whose best epoch is worse than the median of the others' running means.

    Golovin et al., Google Vizier, KDD 2017.
    """

    name: Literal["median"]
    grace_epochs: int = Field(5, ge=1)
    min_trials: int = Field(3, ge=1, description="others that came as far before any is stopped")


class PBTScheduler(Document):
    """Population based training by generations (Jaderberg et al., 2017); stops nothing early.

    `trials` of the search is the population times the generations: a member is a trial anew in
    every generation, from the weights of its parent, for epochs / generations epochs.
    """

    name: Literal["pbt"]
    generations: int = Field(5, ge=2)
    quantile: float = Field(
        0.25, gt=0, le=0.5, description="share of the worst that copy one of as many best"
    )
    factors: Annotated[list[Factor], Field(min_length=1)] = Field(
        [0.8, 1.2], description="a copy multiplies each of its numbers by one of them"
    )


Scheduler = Annotated[
    NoScheduler | ASHAScheduler | HyperbandScheduler | MedianScheduler | PBTScheduler,
    Field(discriminator="name"),
]
