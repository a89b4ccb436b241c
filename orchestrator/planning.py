"""From a study to its trials: the cells of an ablation, the points of a search."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from data.store import ArrayStore, ensure_store
from orchestrator.ablation import variants_of
from orchestrator.engine.config import TrialConfig, flattened
from orchestrator.engine.errors import Problem, SpecError
from orchestrator.engine.summary import ModelSummary, build_model, input_shape, summarize
from orchestrator.records import Role, StudyLog, TrialPlan, TrialRecord
from orchestrator.sampling import Proposals
from orchestrator.space import in_space
from orchestrator.spec import Changes, Search, Study, objective_problems


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
    """The parameters of a trial, as long as they are in the space."""
    assert study.spec.search is not None
    space, fixed = study.spec.search.space, flattened(study.baseline.plain())
    return lambda plan: plan.params if in_space(space, plan.params, fixed) else None


class CellSource:
    """The cells that are not finished yet."""

    def __init__(self, plans: list[TrialPlan], log: StudyLog) -> None:
        records = [log.plan(plan) for plan in plans]
        self._open = deque(r.plan for r in records if not r.state.is_final)
        self.total = len(plans)

    @property
    def num_left(self) -> int:
        return len(self._open)

    def next(self) -> TrialPlan | None:
        return self._open.popleft() if self._open else None


class SearchSource:
    """Trials that an earlier run left open, then new proposals up to the search's number."""

    def __init__(
        self, search: Search, planner: Planner, log: StudyLog, proposals: Proposals
    ) -> None:
        self._planner = planner
        self._log = log
        self._proposals = proposals
        known = current_records(planner.study, log)
        self._left_open = deque(r.plan for r in known if not r.state.is_final)
        self._number = len(known)
        self.total = int(min(search.trials, proposals.num_points))

    @property
    def num_left(self) -> int:
        return len(self._left_open) + max(0, self.total - self._number)

    def next(self) -> TrialPlan | None:
        return self._left_open.popleft() if self._left_open else self._new()

    def _new(self) -> TrialPlan | None:
        number = self._number
        if number >= self.total:
            return None
        for attempt in range(self._proposals.attempts):
            proposal = self._proposals.ask(number, attempt)
            if proposal is None:
                return None
            suggestion, params = proposal
            name = f"trial {number:03d}"
            plan = self._plan(name, params)
            if plan is not None and plan.id not in self._log.records:
                self._proposals.accept(suggestion, plan.id)
                self._number += 1
                return self._log.plan(plan).plan
            self._proposals.refuse(suggestion)
        self.total = number
        return None

    def _plan(self, name: str, params: Changes) -> TrialPlan | None:
        """None for a combination that the trial does not take."""
        try:
            return self._planner.plan(name, Role.SEARCH, name, params)
        except SpecError:
            return None


def open_search(study: Study, log: StudyLog) -> Proposals:
    """The sampler of a search, with everything told that the log knows."""
    assert study.spec.search is not None
    objective = study.spec.objective
    fixed = flattened(study.baseline.plain())
    proposals = Proposals(study.spec.search, objective.metric, objective.mode, fixed)
    proposals.replay(current_records(study, log))
    return proposals


def check_models(
    study: Study, planner: Planner, configs: dict[str, TrialConfig]
) -> dict[str, ModelSummary]:
    """What each model costs; a `SpecError` with every model that its builder refuses."""
    summaries: dict[str, ModelSummary] = {}
    problems = []
    for what, config in configs.items():
        info = planner.store(config).info
        try:
            model = build_model(config, info)
            summaries[what] = summarize(model, input_shape(config, info))
        except ValueError as error:
            problems.append(Problem(what, None, str(error)))
    if problems:
        raise SpecError(study.source, problems)
    return summaries


def check_space(study: Study) -> None:
    """Raise `SpecError` for a path or value of the search space that the trial does not take."""
    assert study.spec.search is not None
    problems = [
        problem
        for path, domain in study.spec.search.space.items()
        for value in (domain.choice or domain.bounds)
        for problem in _problems(study, {**domain.when, path: value})
    ]
    if problems:
        raise SpecError(study.source, list(dict.fromkeys(problems)))


def _problems(study: Study, changes: Changes) -> Iterator[Problem]:
    try:
        config = study.config(changes, "search.space")
        yield from objective_problems(study.spec.objective, config)
    except SpecError as error:
        for problem in error.problems:
            yield Problem(f"search.space: {problem.path}", problem.value, problem.message)
