"""The study file: one question about one trial, as an ablation or as a search."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from orchestrator.engine.config import Document, TrialConfig, resolve_trial
from orchestrator.engine.documents import Raw, changed, read_mapping, validated
from orchestrator.engine.errors import Problem, SpecError
from orchestrator.space import Space

Changes = dict[str, Any]
BASELINE = "baseline"
SINGLE_TRIALS = "single_trials"


class Objective(Document):
    """What is optimised, and compared between variants, at each trial's best epoch."""

    metric: str
    mode: Literal["min", "max"] = "max"


class Resources(Document):
    """What one trial occupies; a share of a GPU lets several trials run on it."""

    cpu: float = Field(1, gt=0)
    gpu: float = Field(0, ge=0)


def _listed(seeds: Any) -> list[int]:
    """`3` means the seeds 0, 1, 2."""
    chosen = list(range(seeds)) if isinstance(seeds, int) else seeds
    is_list = isinstance(chosen, list) and all(isinstance(s, int) and s >= 0 for s in chosen)
    if not is_list or not chosen or len(set(chosen)) < len(chosen):
        raise ValueError("must be a number of seeds from 1 on, or a list of different seeds")
    return chosen


Seeds = Annotated[
    list[int],
    BeforeValidator(_listed, json_schema_input_type=int | list[int]),
]


class Paper(Document):
    """Reported numbers, shown beside ours: variant to figure."""

    source: str
    dataset: str
    rows: dict[str, float]


class Ablation(Document):
    """Components with their levels beside the trial file's own level, which is called `on`."""

    components: dict[str, dict[str, Changes]] = {}
    design: Literal["leave_one_out", "factorial"] = "leave_one_out"
    variants: dict[str, Changes] = Field({}, description="further rows: name to changes")
    seeds: Seeds = Field(default=3, validate_default=True)
    paper: Paper | None = None

    @model_validator(mode="after")
    def _varies_something(self) -> Ablation:
        if not self.components and not self.variants:
            raise ValueError("needs components or variants, else there is nothing to compare")
        if BASELINE in self.variants:
            raise ValueError(f"the variant {BASELINE!r} is the trial file itself; name others")
        return self

    @field_validator("components")
    @classmethod
    def _levels_change_something(cls, components: dict[str, Any]) -> dict[str, Any]:
        for name, levels in components.items():
            if not levels or not all(levels.values()):
                raise ValueError(f"component {name!r} needs levels that change at least one path")
            if "on" in levels:
                raise ValueError(f"level 'on' of {name!r} is the trial file itself; name others")
        return components


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


class StudySpec(Document):
    """A study file."""

    study: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    trial: str = Field(description="a file of ../trials without its ending, or a path to one")
    overrides: Changes = Field({}, description="changes to the trial that hold for the whole study")
    objective: Objective
    resources: Resources = Field(default={}, validate_default=True)
    max_concurrent: int | None = Field(None, ge=1)
    retries: int = Field(2, ge=0, description="how often a trial whose worker died starts again")
    ablation: Ablation | None = None
    search: Search | None = None

    @field_validator("study")
    @classmethod
    def _name_is_free(cls, name: str) -> str:
        if name == SINGLE_TRIALS:
            raise ValueError("is the experiment of trials trained by themselves; choose another")
        return name

    @model_validator(mode="after")
    def _has_one_plan(self) -> StudySpec:
        if (self.ablation is None) == (self.search is None):
            raise ValueError("needs exactly one of ablation and search")
        return self


@dataclass(frozen=True)
class Study:
    """A study file together with the trial it is about."""

    spec: StudySpec
    source: str
    trial_document: Raw
    baseline: TrialConfig

    def config(self, changes: Changes, what: str) -> TrialConfig:
        """The trial with changes applied; a `SpecError` naming the study file and `what`."""
        return resolve_trial(self.trial_document, changes, f"{self.source} ({what})")


def load_study(path: Path) -> Study:
    """Read and check a study file and its trial; every problem of a file is told at once."""
    spec = validated(StudySpec, read_mapping(path), str(path))
    trial_path = _trial_path(path, spec.trial)
    document = changed(read_mapping(trial_path), spec.overrides, f"{path} (overrides)")
    study = Study(spec, str(path), document, resolve_trial(document, {}, str(trial_path)))
    _check_objective(study)
    return study


def _trial_path(study_path: Path, trial: str) -> Path:
    folder = study_path.resolve().parent
    named = folder.parent / "trials" / f"{trial}.yaml"
    return named if named.exists() else folder / trial


def _check_objective(study: Study) -> None:
    problems = objective_problems(study.spec.objective, study.baseline)
    if problems:
        raise SpecError(study.source, problems)


def objective_problems(objective: Objective, trial: TrialConfig) -> list[Problem]:
    """Whether the trial reports what the study compares."""
    problems = []
    if trial.select_on == "none":
        message = "is for final trainings; a study compares on val, or on test to replay a paper"
        problems.append(Problem("trial.select_on", "none", message))
    elif objective.metric != trial.metric:
        message = (
            f"the trial reports {trial.metric!r}; its keys select_on ({trial.select_on}) and "
            f"monitor ({trial.monitor}) decide which figure that is"
        )
        problems.append(Problem("objective.metric", objective.metric, message))
    elif objective.mode != trial.mode:
        message = f"{trial.metric} is better when it is {trial.mode}imal"
        problems.append(Problem("objective.mode", objective.mode, message))
    return problems
