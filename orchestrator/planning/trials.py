"""From a study to its trials: planned anew, or found again in its log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from data import DATASETS
from data.preparation import ensure_store
from data.stand_in import stand_in
from data.store import ArrayStore, StoreMissingError
from orchestrator.ablation.cells import Cell, Planning, cells_of, study_variants
from orchestrator.ablation.fairness import tuned_by, tuning_plans
from orchestrator.ablation.spec import Changes
from orchestrator.engine.config import TrialConfig, flattened
from orchestrator.engine.errors import SpecError
from orchestrator.records import Role, StudyLog, TrialPlan, TrialRecord
from orchestrator.search.population import changes_of
from orchestrator.spec import Study, objective_problems


@dataclass
class Planner:
    """Turns changes into identified trials; data sets are opened (or generated) once each.

    Where nothing will be trained, made-up clips `may_stand_in` for a data set not prepared.
    """

    study: Study
    data_root: Path
    _stores: dict[str, ArrayStore] = field(default_factory=dict)
    may_stand_in: bool = False

    def plan(
        self,
        name: str,
        role: Role,
        variant: str,
        changes: Changes,
        params: Changes | None = None,
    ) -> TrialPlan:
        config = self.study.config(changes, variant)
        problems = objective_problems(self.study.spec.objective, config)
        if problems and role is not Role.FINAL:
            raise SpecError(f"{self.study.source} ({variant})", problems)
        if params is None:
            params = {path: value for path, value in changes.items() if path != "seed"}
        return plan_of(config, self.store(config), name, role, variant, params)

    @property
    def digests(self) -> dict[str, str]:
        """Name to digest of the data sets opened so far."""
        return {name: store.digest for name, store in self._stores.items()}

    def store(self, config: TrialConfig) -> ArrayStore:
        name = config.data.name
        if name not in self._stores:
            self._stores[name] = self._opened(name)
        return self._stores[name]

    @property
    def stand_ins(self) -> list[str]:
        """The data sets that made-up clips stand in for."""
        return [name for name, store in self._stores.items() if not store.digest]

    def _opened(self, name: str) -> ArrayStore:
        try:
            return ensure_store(name, self.data_root)
        except StoreMissingError:
            if not self.may_stand_in or name not in DATASETS:
                raise
        return stand_in(DATASETS[name].info)


@dataclass(frozen=True)
class Remembered:
    """Plans trials on the data that a log says were used; nothing is opened or checked."""

    study: Study
    digests: Mapping[str, str]

    def plan(
        self, name: str, role: Role, variant: str, changes: Changes, params: Changes
    ) -> TrialPlan:
        config = self.study.config(changes, variant)
        return _plan(config, self.digests.get(config.data.name, ""), name, role, variant, params)


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
    return _plan(config, store.digest, name, role, variant, params or {})


def _plan(
    config: TrialConfig, digest: str, name: str, role: Role, variant: str, params: Changes
) -> TrialPlan:
    return TrialPlan(
        id=config.digest(digest),
        name=name,
        role=role,
        variant=variant,
        seed=config.seed,
        params=params,
        config=config.plain(),
        data_digest=digest,
    )


def first_cells(study: Study, planning: Planning, log: StudyLog) -> list[Cell]:
    """Every variant with every seed that is run in any case, seed by seed."""
    assert study.spec.ablation is not None
    seeds, variants = study.spec.ablation.first_seeds, study_variants(study)
    return list(cells_of(study, planning, tuned_by(study, planning, log), seeds, variants))


def all_cells(study: Study, planning: Planning, log: StudyLog) -> list[Cell]:
    """Every cell that there may be: a race of seeds seldom runs them all."""
    assert study.spec.ablation is not None
    seeds, variants = study.spec.ablation.all_seeds, study_variants(study)
    return list(cells_of(study, planning, tuned_by(study, planning, log), seeds, variants))


def current_records(study: Study, log: StudyLog) -> list[TrialRecord]:
    """The trials that the study, as it is written today, would run or has run.

    Trials of an earlier wording of the study or its trial file stay in the log, but out of tables,
    choices and the sampler's memory; so do those on an earlier preparation of the data.
    """
    if study.spec.search is None:
        return _of_ablation(study, log)
    is_point = _point_test(study)
    return [record for record in log.of_role(Role.SEARCH) if is_point(record.plan, log)]


def _of_ablation(study: Study, log: StudyLog) -> list[TrialRecord]:
    remembered = Remembered(study, log.data)
    plans = tuning_plans(study, remembered)
    plans += [plan for cell in all_cells(study, remembered, log) for plan in cell.plans]
    ids = dict.fromkeys(plan.id for plan in plans)
    return [log.records[trial] for trial in ids if trial in log.records]


def _point_test(study: Study) -> Callable[[TrialPlan, StudyLog], bool]:
    """Whether a trial is of the space, the trial file and the data that the study has today."""
    assert study.spec.search is not None
    search, fixed = study.spec.search, flattened(study.baseline.plain())

    def is_point(plan: TrialPlan, log: StudyLog) -> bool:
        name = plan.config["data"]["name"]
        if log.data.get(name, plan.data_digest) != plan.data_digest:
            return False
        changes = changes_of(study, plan)
        if changes is None or not search.allows(plan.params, fixed):
            return False
        try:
            return study.identity(changes, plan.name, plan.data_digest) == plan.id
        except SpecError:
            return False

    return is_point
