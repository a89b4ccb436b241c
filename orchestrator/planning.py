"""From a study to its trials: the cells of an ablation, the points of a search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from data.preparation import ensure_store
from data.store import ArrayStore
from orchestrator.ablation import variants_of
from orchestrator.ablation_spec import Changes
from orchestrator.engine.config import TrialConfig, flattened
from orchestrator.engine.errors import Problem, SpecError
from orchestrator.records import Role, StudyLog, TrialPlan, TrialRecord
from orchestrator.spec import Study, objective_problems


@dataclass
class Planner:
    """Turns changes into identified trials; data sets are opened (or generated) once each."""

    study: Study
    data_root: Path
    _stores: dict[str, ArrayStore] = field(default_factory=dict)

    def plan(self, name: str, role: Role, variant: str, changes: Changes) -> TrialPlan:
        config = self.study.config(changes, variant)
        problems = objective_problems(self.study.spec.objective, config)
        if problems and role is not Role.FINAL:
            raise SpecError(f"{self.study.source} ({variant})", problems)
        params = {path: value for path, value in changes.items() if path != "seed"}
        return plan_of(config, self.store(config), name, role, variant, params)

    @property
    def digests(self) -> dict[str, str]:
        """Name to digest of the data sets opened so far."""
        return {name: store.digest for name, store in self._stores.items()}

    def store(self, config: TrialConfig) -> ArrayStore:
        name = config.data.name
        if name not in self._stores:
            self._stores[name] = ensure_store(name, self.data_root)
        return self._stores[name]


def plan_of(
    config: TrialConfig,
    store: ArrayStore,
    name: str,
    role: Role,
    variant: str = "",
    params: Changes | None = None,
) -> TrialPlan:
    """Raises ValueError if the data have no such protocol."""
    store.split(config.data.protocol, config.eval_split)
    return TrialPlan(
        id=config.digest(store.digest),
        name=name,
        role=role,
        variant=variant,
        seed=config.seed,
        params=params or {},
        config=config.plain(),
        data_digest=store.digest,
    )


def cells(study: Study, planner: Planner) -> list[TrialPlan]:
    """Every variant with every seed, seed by seed, so that comparisons are possible early.

    Raises `SpecError` if two variants have one name, or come to the same training.
    """
    assert study.spec.ablation is not None
    variants = variants_of(study.spec.ablation)
    names = [variant.name for variant in variants]
    if repeated := [name for name in names if names.count(name) > 1]:
        problem = Problem(
            f"ablation.variants.{repeated[0]}", None, "the design has this row already"
        )
        raise SpecError(study.source, [problem])
    plans = [
        planner.plan(
            f"{variant.name} seed {seed}",
            Role.CELL,
            variant.name,
            {**variant.changes, "seed": seed},
        )
        for seed in study.spec.ablation.seeds
        for variant in variants
    ]
    first: dict[str, str] = {}
    for plan in plans:
        twin = first.setdefault(plan.id, plan.variant)
        if twin != plan.variant:
            message = f"is the same training as {twin!r}: one of them changes nothing of its own"
            raise SpecError(study.source, [Problem(f"variant {plan.variant}", None, message)])
    return plans


def current_records(study: Study, log: StudyLog) -> list[TrialRecord]:
    """The trials that the study, as it is written today, would run or has run.

    Trials of an earlier wording of the study or its trial file stay in the log, but out of tables,
    choices and the sampler's memory; so do those on an earlier preparation of the data.
    """
    role = Role.CELL if study.spec.search is None else Role.SEARCH
    changes_of = _cell_changes(study) if study.spec.search is None else _point_changes(study)
    records = [r for r in log.of_role(role) if _is_current(study, r.plan, changes_of(r.plan))]
    return [
        r for r in records if log.data.get(_data_name(r), r.plan.data_digest) == r.plan.data_digest
    ]


def _data_name(record: TrialRecord) -> str:
    name: str = record.plan.config["data"]["name"]
    return name


def _is_current(study: Study, plan: TrialPlan, changes: Changes | None) -> bool:
    if changes is None:
        return False
    try:
        return study.config(changes, plan.name).digest(plan.data_digest) == plan.id
    except SpecError:
        return False


def _cell_changes(study: Study) -> Callable[[TrialPlan], Changes | None]:
    """What the study says today of a cell's variant; None if it no longer has it."""
    assert study.spec.ablation is not None
    variants = {variant.name: variant.changes for variant in variants_of(study.spec.ablation)}

    def changes_of(plan: TrialPlan) -> Changes | None:
        known = plan.variant in variants
        return {**variants[plan.variant], "seed": plan.seed} if known else None

    return changes_of


def _point_changes(study: Study) -> Callable[[TrialPlan], Changes | None]:
    """The parameters of a trial, as long as the search could propose them."""
    assert study.spec.search is not None
    search, fixed = study.spec.search, flattened(study.baseline.plain())
    return lambda plan: plan.params if search.allows(plan.params, fixed) else None
