"""The study file: one question about one trial, as an ablation or as a search."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from orchestrator.ablation.spec import Ablation, Changes
from orchestrator.engine.config import Document, TrialConfig, resolve_trial
from orchestrator.engine.documents import Raw, changed, read_mapping, validated
from orchestrator.engine.errors import Problem, SpecError
from orchestrator.objective import Objective as Objective
from orchestrator.search.spec import Search

SINGLE_TRIALS = "single_trials"


class Resources(Document):
    """What one trial occupies; a share of a GPU lets several trials run on it."""

    cpu: float = Field(1, gt=0)
    gpu: float = Field(0, ge=0)
    gpu_kind: str | None = Field(
        None, description="on nodes with such GPUs alone, in Ray's words: H100, A100, T4 ..."
    )
    measured: bool = Field(
        False,
        description="trials share GPUs by the memory that they are measured to need; where there "
        "is no GPU, they run without",
    )

    @property
    def least(self) -> Resources:
        """What some node must have."""
        return self.model_copy(update={"gpu": 0.0}) if self.measured else self

    @property
    def asked(self) -> dict[str, float]:
        """In Ray's words."""
        kind = {f"accelerator_type:{self.gpu_kind}": 0.001} if self.gpu_kind else {}
        return {"CPU": self.cpu, "GPU": self.gpu} | kind


def _as_resources(said: Any) -> Any:
    return {"gpu": 1, "measured": True} if said == "auto" else said


class Limits(Document):
    """How long a trial may take; what takes longer is ended, and its stack is kept."""

    hours: float | None = Field(
        None, gt=0, description="of training in all, whatever the number of attempts; null: no end"
    )
    stall_minutes: float | None = Field(
        120,
        gt=0,
        description="for one epoch, with what precedes the first; null: no end",
    )


class StudySpec(Document):
    """A study file."""

    study: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    trial: str = Field(description="a file of ../trials without its ending, or a path to one")
    overrides: Changes = Field({}, description="changes to the trial that hold for the whole study")
    objective: Objective
    resources: Annotated[
        Resources,
        BeforeValidator(_as_resources, json_schema_input_type=Literal["auto"] | Resources),
    ] = Field(default={}, validate_default=True)
    max_concurrent: int | None = Field(None, ge=1)
    retries: int = Field(
        2, ge=0, description="how often a trial that crashed or stalled starts again"
    )
    limits: Limits = Field(default={}, validate_default=True)
    stop_after_same_errors: int | None = Field(
        3,
        ge=1,
        description="end a study whose first trials all fail with one error; null: never",
    )
    ablation: Ablation | None = None
    search: Search | None = None

    @property
    def objectives(self) -> list[Objective]:
        """The objective first; a search may have further ones."""
        return [self.objective, *(self.search.further_objectives if self.search else ())]

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
    question: str = ""
    """The comment at the head of the study file."""
    on_top: Changes = field(default_factory=dict)
    """Changes that are laid over those of every variant."""
    _identities: dict[str, str] = field(init=False, repr=False, compare=False, default_factory=dict)

    def config(self, changes: Changes, what: str) -> TrialConfig:
        """The trial with changes applied; a `SpecError` naming the study file and `what`."""
        return resolve_trial(
            self.trial_document, {**changes, **self.on_top}, f"{self.source} ({what})"
        )

    def identity(self, changes: Changes, what: str, data_digest: str) -> str:
        """What `config` comes to on these data; remembered, since resolving a trial takes long."""
        key = json.dumps([changes, data_digest])
        if key not in self._identities:
            self._identities[key] = self.config(changes, what).digest(data_digest)
        return self._identities[key]


def load_study(path: Path) -> Study:
    """Read and check a study file and its trial; every problem of a file is told at once."""
    spec = validated(StudySpec, read_mapping(path), str(path))
    trial_file = trial_path(path, spec.trial)
    document = changed(read_mapping(trial_file), spec.overrides, f"{path} (overrides)")
    baseline = resolve_trial(document, {}, str(trial_file))
    study = Study(spec, str(path), document, baseline, head_comment(path))
    _check_objective(study)
    return study


def head_comment(path: Path) -> str:
    """The lines of comment that a file begins with, those for editors left out."""
    lines = itertools.takewhile(lambda line: line.startswith("#"), path.read_text().splitlines())
    told = (line.removeprefix("#").removeprefix(" ").rstrip() for line in lines)
    return "\n".join(line for line in told if not line.startswith("yaml-language-server"))


def trial_path(study_path: Path, trial: str) -> Path:
    folder = study_path.resolve().parent
    named = folder.parent / "trials" / f"{trial}.yaml"
    return named if named.exists() else folder / trial


def _check_objective(study: Study) -> None:
    problems = objective_problems(study.spec.objective, study.baseline)
    ablation, metric = study.spec.ablation, study.spec.objective.metric
    if ablation is not None and ablation.has_streams and metric.endswith("/loss"):
        message = "summed scores of streams have no loss; compare top1 or mean_class"
        problems.append(Problem("objective.metric", metric, message))
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
