"""Which sampler proposes the points of a search, with every number that it goes by."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from orchestrator.engine.config import Document


class SamplerSpec(Document):
    """What a sampler is called and what it can do."""

    learns: ClassVar[bool] = True
    """Whether it looks at how earlier trials went."""
    takes_conditions: ClassVar[bool] = False
    """Whether paths may be searched under a condition (`when`)."""
    takes_choices: ClassVar[bool] = True
    takes_objectives: ClassVar[bool] = True
    """Whether it can look for the trade-off between several objectives."""


class RandomSampler(SamplerSpec):
    learns = False
    takes_conditions = True

    name: Literal["random"]


class GridSampler(SamplerSpec):
    """Every combination once, in the order of the file; `trials` may cut it short."""

    learns = False
    takes_conditions = True

    name: Literal["grid"]


class QuasiRandomSampler(SamplerSpec):
    """A scrambled sequence that fills the space more evenly than random points do."""

    learns = False
    takes_conditions = True

    name: Literal["quasi_random"]
    sequence: Literal["sobol", "halton"] = "sobol"


class TPESampler(SamplerSpec):
    """Tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011), over all paths together."""

    takes_conditions = True

    name: Literal["tpe"]
    startup_trials: int = Field(10, ge=1, description="random trials before the first estimate")
    candidates: int = Field(24, ge=1)


class GPSampler(SamplerSpec):
    """Gaussian process, Matern 5/2, log expected improvement; strong with few, costly trials."""

    name: Literal["gp"]
    startup_trials: int = Field(10, ge=1, description="random trials before the first estimate")


class CMAESSampler(SamplerSpec):
    """Covariance matrix adaptation (Hansen, 2016) in the unit cube of at least two numbers."""

    takes_choices = False
    takes_objectives = False

    name: Literal["cmaes"]
    population: int | None = Field(
        None, ge=4, description="trials a generation; null: 4 + 3 ln(number of paths)"
    )
    sigma: float = Field(0.3, gt=0, le=1, description="first spread, as a share of each range")


class NSGA2Sampler(SamplerSpec):
    """Non-dominated sorting genetic algorithm (Deb et al., 2002), uniform crossover."""

    name: Literal["nsga2"]
    population: int = Field(20, ge=2, description="trials a generation")
    crossover: float = Field(0.9, ge=0, le=1, description="share of children with two parents")
    mutation: float | None = Field(
        None, ge=0, le=1, description="share of paths drawn anew; null: one path a child"
    )


Sampler = Annotated[
    RandomSampler
    | GridSampler
    | QuasiRandomSampler
    | TPESampler
    | GPSampler
    | CMAESSampler
    | NSGA2Sampler,
    Field(discriminator="name"),
]
