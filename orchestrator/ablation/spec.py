"""What an ablation says: components with their levels, designs, settings, streams and seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from orchestrator.engine.config import Document
from orchestrator.search.space import Space

Changes = dict[str, Any]
BASELINE = "baseline"
ON, OFF = "on", "off"
STREAMS = "streams"
Summed = Literal["scores", "probabilities"]


def _named(given: Any) -> Any:
    """A plain name means that thing with its defaults."""
    return {"name": given} if isinstance(given, str) else given


class LeaveOneOut(Document):
    """Each component alone at each of its other levels, all else as in the baseline."""

    name: Literal["leave_one_out"]
    components: list[str] | None = Field(None, description="these only; default: all")


class AddOneIn(Document):
    """Nothing but one component: all off, and then each alone on (or at another level)."""

    name: Literal["add_one_in"]
    components: list[str] | None = Field(None, description="these only; default: all")


class Ladder(Document):
    """All off, then one component after the other is added, until the baseline is reached."""

    name: Literal["ladder"]
    order: list[str] = Field(min_length=1, description="which is added first, second, ...")


class Pairs(Document):
    """Every two components at their other levels together."""

    name: Literal["pairs"]
    components: list[str] | None = Field(None, description="these only; default: all")


class Factorial(Document):
    """Every combination of levels."""

    name: Literal["factorial"]
    components: list[str] | None = Field(None, description="these only; default: all")


class FractionalFactorial(Document):
    """The fewest of the 2^k combinations that keep this resolution; two levels a component.

    IV: main effects are clear of two-way interactions. V: so are these of each other.
    """

    name: Literal["fractional_factorial"]
    resolution: Literal[4, 5] = 5
    components: list[str] | None = Field(None, description="these only; default: all")


class Grid(Document):
    """Every combination of values; the trial file's own is the baseline."""

    name: Literal["grid"]
    factors: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(min_length=1)


Design = Annotated[
    LeaveOneOut | AddOneIn | Ladder | Pairs | Factorial | FractionalFactorial | Grid,
    Field(discriminator="name"),
]


def _designs(given: Any) -> Any:
    return [_named(one) for one in (given if isinstance(given, list) else [given])]


class SeedRange(Document):
    """Seed after seed, while a verdict is open: from `min` of them up to `max`."""

    min: int = Field(3, ge=2)
    max: int = Field(12, le=100)
    until: Literal["resolved"] = "resolved"

    @model_validator(mode="after")
    def _goes_up(self) -> SeedRange:
        if self.max <= self.min:
            raise ValueError(f"max must be above min, got min={self.min}, max={self.max}")
        return self


def _listed(seeds: Any) -> Any:
    """`3` means the seeds 0, 1, 2."""
    if isinstance(seeds, Mapping | SeedRange):
        return seeds
    chosen = list(range(seeds)) if isinstance(seeds, int) else seeds
    is_list = isinstance(chosen, list) and all(isinstance(s, int) and s >= 0 for s in chosen)
    if not is_list or not chosen or len(set(chosen)) < len(chosen):
        raise ValueError("must be a number of seeds from 1 on, or a list of different seeds")
    return chosen


Seeds = Annotated[
    list[int] | SeedRange,
    BeforeValidator(_listed, json_schema_input_type=int | list[int] | SeedRange),
]


class Fixed(Document):
    """Every variant has the hyper-parameters of the trial file."""

    name: Literal["fixed"]


class RetuneLR(Document):
    """Every variant first tries multiples of its learning rate."""

    name: Literal["retune_lr"]
    factors: list[Annotated[float, Field(gt=0)]] = Field(default=[0.3, 1.0, 3.0], min_length=2)
    seed: int = Field(1000, ge=0, description="of these trainings; none of the study's seeds")


class Retune(Document):
    """Every variant first tries the same quasi-random points of a space, its own values first."""

    name: Literal["retune"]
    trials: int = Field(ge=2)
    space: Annotated[Space, Field(min_length=1)]
    seed: int = Field(1000, ge=0, description="of these trainings; none of the study's seeds")


Fairness = Annotated[
    Annotated[Fixed | RetuneLR | Retune, Field(discriminator="name")],
    BeforeValidator(_named, json_schema_input_type=str | Fixed | RetuneLR | Retune),
]


class Paper(Document):
    """Reported numbers, shown beside ours: variant to figure."""

    source: str
    dataset: str
    rows: dict[str, float | None]
    note: str = Field("", description="where data, protocol or recipe differ from the paper's")


def weighted(streams: Any) -> Any:
    """A list of streams means equal weights."""
    return dict.fromkeys(streams, 1.0) if isinstance(streams, list) else streams


Streams = Annotated[
    dict[str, Annotated[float, Field(gt=0)]],
    BeforeValidator(weighted, json_schema_input_type=list[str] | dict[str, float]),
]


class Ablation(Document):
    """Components with their levels beside the trial file's own level, which is called `on`.

    `off` is the level at which a component is absent.
    """

    components: dict[str, dict[str, Changes]] = {}
    design: Annotated[
        list[Design],
        BeforeValidator(_designs, json_schema_input_type=str | Design | list[str | Design]),
    ] = Field(default="leave_one_out", validate_default=True)
    requires: dict[str, list[str]] = Field(
        {},
        description="component to those without which it falls away (`name`, or `name=level`): "
        "its levels are not applied then, and cells that differ only in it are one",
    )
    excludes: list[Annotated[list[str], Field(min_length=2)]] = Field(
        [], description="components (`name`, or `name=level`) that are never there together"
    )
    variants: dict[str, Changes] = Field({}, description="further rows: name to changes")
    settings: dict[str, Changes] = Field(
        {}, description="every variant is run in each of these, beside a baseline of its own"
    )
    streams: Streams = Field(
        {}, description="a variant is one training a stream; their scores are summed (weights)"
    )
    fuse: Summed = Field(
        "scores", description="what is summed of streams: the scores, or their softmax"
    )
    seeds: Seeds = Field(default=3, validate_default=True)
    fairness: Fairness = Field(default="fixed", validate_default=True)
    margin: float | None = Field(
        None,
        gt=0,
        description="differences up to this are of no importance, in units of the metric; "
        "of an accuracy 1 point by default, of a loss none",
    )
    confidence: float = Field(0.95, gt=0.5, lt=1)
    paper: Paper | None = None

    @model_validator(mode="after")
    def _varies_something(self) -> Ablation:
        grids = any(isinstance(design, Grid) for design in self.design)
        if not self.components and not self.variants and not grids:
            raise ValueError("needs components, variants or a grid: there is nothing to compare")
        if BASELINE in self.variants:
            raise ValueError(f"the variant {BASELINE!r} is the trial file itself; name others")
        return self

    @field_validator("components")
    @classmethod
    def _levels_change_something(cls, components: dict[str, Any]) -> dict[str, Any]:
        for name, levels in components.items():
            if not levels or not all(levels.values()):
                raise ValueError(f"component {name!r} needs levels that change at least one path")
            if ON in levels:
                raise ValueError(f"level 'on' of {name!r} is the trial file itself; name others")
        return components

    @field_validator("requires")
    @classmethod
    def _whole_components_fall_away(cls, requires: dict[str, list[str]]) -> dict[str, list[str]]:
        if with_level := [name for name in requires if "=" in name]:
            raise ValueError(f"a component falls away as a whole; name it alone: {with_level[0]}")
        return requires

    @model_validator(mode="after")
    def _names_are_known(self) -> Ablation:
        for where, name in self._mentioned():
            component, _, level = name.partition("=")
            if component not in self.components:
                known = ", ".join(self.components) or "none"
                raise ValueError(f"{where}: no component {component!r}; known: {known}")
            levels = [ON, *self.components[component]]
            if level and level not in levels:
                raise ValueError(f"{where}: {component} has the levels {', '.join(levels)}")
        return self

    def _mentioned(self) -> Iterator[tuple[str, str]]:
        for design in self.design:
            listed = getattr(design, "order", getattr(design, "components", None))
            yield from ((f"design {design.name}", name) for name in listed or ())
        for name, needed in self.requires.items():
            yield from (("requires", one) for one in (name, *needed))
        yield from (("excludes", name) for group in self.excludes for name in group)

    @model_validator(mode="after")
    def _tuning_has_a_seed_of_its_own(self) -> Ablation:
        seed = getattr(self.fairness, "seed", None)
        if seed is not None and seed in self.all_seeds:
            raise ValueError(f"fairness.seed {seed} is one of the study's seeds; choose another")
        return self

    @property
    def has_streams(self) -> bool:
        """Whether a variant may be an ensemble."""
        levels = (changes for levels in self.components.values() for changes in levels.values())
        changes = (*levels, *self.variants.values(), *self.settings.values())
        return bool(self.streams) or any(STREAMS in change for change in changes)

    @property
    def first_seeds(self) -> list[int]:
        """Those that every variant is run with."""
        return list(range(self.seeds.min)) if isinstance(self.seeds, SeedRange) else self.seeds

    @property
    def all_seeds(self) -> list[int]:
        """Those that a variant may come to be run with."""
        return list(range(self.seeds.max)) if isinstance(self.seeds, SeedRange) else self.seeds
