"""The cells of an ablation: each variant with each seed, and the trainings that it is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol, get_args

from data.streams import Stream
from orchestrator.ablation.designs import Variant, variants_of
from orchestrator.ablation.spec import STREAMS, Ablation, Changes
from orchestrator.engine.config import TrialConfig, flattened
from orchestrator.engine.errors import Problem, SpecError
from orchestrator.records import Role, TrialPlan
from orchestrator.spec import Study

STREAM = "data.stream"
STREAM_NAMES = get_args(Stream)


@dataclass(frozen=True)
class Arm:
    """One training of a variant, whatever its seed; `stream` is empty for the trial's own."""

    variant: Variant
    stream: str
    changes: Changes

    @property
    def name(self) -> str:
        return f"{self.variant.name}, {self.stream}" if self.stream else self.variant.name


@dataclass(frozen=True)
class Cell:
    """A variant with one seed: one training a stream, in the order of the variant's streams."""

    variant: Variant
    seed: int
    plans: tuple[TrialPlan, ...]


class Planning(Protocol):
    """Makes trials of configurations; knows (or opens) the data."""

    def plan(
        self, name: str, role: Role, variant: str, changes: Changes, params: Changes
    ) -> TrialPlan: ...


Tuned = Callable[[Arm], Changes | None]
"""The hyper-parameters that an arm was tuned to; None where that is not known yet."""


def study_variants(study: Study) -> list[Variant]:
    """Raises `SpecError` if two have one name, or the paper's rows have a name that none has."""
    ablation = _ablation(study)
    variants = variants_of(ablation, flattened(study.baseline.plain()))
    names = [variant.name for variant in variants]
    _check_paper(study, names)
    if repeated := [name for name in names if names.count(name) > 1]:
        problem = Problem(f"ablation.variants.{repeated[0]}", None, "the design has this row too")
        raise SpecError(study.source, [problem])
    return variants


def _check_paper(study: Study, names: list[str]) -> None:
    paper = _ablation(study).paper
    unknown = [row for row in (paper.rows if paper else ()) if row not in names]
    problems = [
        Problem(f"ablation.paper.rows.{row}", None, f"is no variant; known: {', '.join(names)}")
        for row in unknown
    ]
    if problems:
        raise SpecError(study.source, problems)


def arms_of(study: Study, variant: Variant) -> list[Arm]:
    """One a stream, set to start where its setting's baseline starts."""
    around = _ablation(study).settings.get(variant.setting, {})
    baseline = study.config(_of_stream(around, ""), variant.setting or "baseline")
    own = baseline.data.args["stream"]
    return [
        Arm(variant, stream, _changes(study, variant, baseline, stream or own))
        for stream in variant.streams or [""]
    ]


def _changes(study: Study, variant: Variant, baseline: TrialConfig, stream: str) -> Changes:
    """Where only the model differs, all weights of equal shape start as the baseline's do."""
    changes = _of_stream(variant.changes, stream)
    if variant.streams:
        changes[STREAM] = stream
    config = study.config(changes, variant.name)
    is_other = config.model != baseline.model and _shape(config) == _shape(baseline)
    if is_other and config.init_like is None and config.init_weights is None:
        changes["init_like"] = baseline.plain()["model"]
    return changes


def _of_stream(changes: Changes, stream: str) -> Changes:
    """What is changed for all streams, and under the name of this one for it alone."""
    own: Changes = changes.get(stream, {})
    return {path: v for path, v in changes.items() if path not in {STREAMS, *STREAM_NAMES}} | own


def _shape(config: TrialConfig) -> tuple[str, int]:
    return config.data.name, config.data.args["clip_len"]


def cells_of(
    study: Study,
    planning: Planning,
    tuned: Tuned,
    seeds: Iterable[int],
    variants: Iterable[Variant],
) -> Iterator[Cell]:
    """Seed by seed, so that comparisons are possible early; without cells that wait for tuning."""
    arms = [(variant, _tuned_arms(study, variant, tuned)) for variant in variants]
    for seed in seeds:
        for variant, parts in arms:
            if parts:
                plans = (_plan(planning, arm, seed) for arm in parts)
                yield Cell(variant, seed, tuple(plans))


def _tuned_arms(study: Study, variant: Variant, tuned: Tuned) -> list[Arm]:
    """None of them before all are tuned."""
    found = [(arm, tuned(arm)) for arm in arms_of(study, variant)]
    known = [replace(arm, changes={**arm.changes, **c}) for arm, c in found if c is not None]
    return known if len(known) == len(found) else []


def _plan(planning: Planning, arm: Arm, seed: int) -> TrialPlan:
    changes = {**arm.changes, "seed": seed}
    params = {p: v for p, v in changes.items() if p not in {"seed", "init_like"}}
    return planning.plan(f"{arm.name} seed {seed}", Role.CELL, arm.variant.name, changes, params)


def check_distinct(study: Study, cells: Iterable[Cell]) -> None:
    """Raise `SpecError` if two variants come to the same trainings."""
    first: dict[tuple[tuple[str, ...], tuple[float, ...]], str] = {}
    for cell in cells:
        key = (tuple(plan.id for plan in cell.plans), tuple(cell.variant.streams.values()))
        twin = first.setdefault(key, cell.variant.name)
        if twin != cell.variant.name:
            message = f"is the same training as {twin!r}: one of them changes nothing of its own"
            raise SpecError(study.source, [Problem(f"variant {cell.variant.name}", None, message)])


def check_same_clips(study: Study) -> None:
    """Raise `SpecError` for variants that are judged by other clips than their baseline."""
    arms = [arm for variant in study_variants(study) for arm in arms_of(study, variant)]
    baselines = {a.variant.setting: _clips(study, a) for a in arms if a.variant.is_baseline}
    problems = [
        Problem(f"variant {arm.name}", _clips(study, arm), f"{_OTHER_CLIPS}: {expected}")
        for arm in arms
        if (expected := baselines[arm.variant.setting]) != _clips(study, arm)
    ]
    if problems:
        raise SpecError(study.source, problems)


_OTHER_CLIPS = "other data belong into ablation.settings; the baseline is judged by"


def _clips(study: Study, arm: Arm) -> str:
    data = study.config(arm.changes, arm.name).data
    return f"{data.name} {data.protocol}"


def _ablation(study: Study) -> Ablation:
    assert study.spec.ablation is not None
    return study.spec.ablation
