"""What a search may know from earlier studies before its first trial."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.engine.config import flattened
from orchestrator.engine.errors import Problem, SkelTuneError, SpecError
from orchestrator.home import Home
from orchestrator.objective import values_of
from orchestrator.planning.trials import Planner
from orchestrator.records import StudyLog, TrialRecord
from orchestrator.search.space import Params, is_active
from orchestrator.stored import stored_log, stored_study


@dataclass(frozen=True)
class Earlier:
    """The trials of one study that a search can use, out of so many complete ones."""

    study: str
    observations: list[tuple[Params, list[float]]]
    num_complete: int

    def told(self) -> str:
        return f"{len(self.observations)} of {self.num_complete} complete trials of {self.study}"


def earlier_trials(planner: Planner, home: Home) -> list[Earlier]:
    """What each study of `warm_start` has to offer; `SpecError` for one that never ran."""
    search = planner.study.spec.search
    assert search is not None
    return [_of_study(planner, _log(planner, home, name), name) for name in search.warm_start]


def _log(planner: Planner, home: Home, name: str) -> StudyLog:
    try:
        stored_study(home, name)
    except SkelTuneError as error:
        problem = Problem("search.warm_start", name, str(error))
        raise SpecError(planner.study.source, [problem]) from None
    return stored_log(home, name)


def _of_study(planner: Planner, log: StudyLog, name: str) -> Earlier:
    objectives = planner.study.spec.objectives
    complete = [(r, values_of(r, objectives)) for r in log.records.values()]
    known = [(record, values) for record, values in complete if values is not None]
    found = [(_params(planner, record), values) for record, values in known]
    fitting = [(params, values) for params, values in found if params is not None]
    return Earlier(name, fitting, len(known))


def _params(planner: Planner, record: TrialRecord) -> Params | None:
    """The trial as a point of our space; None unless it is the very trial that this point names.

    So everything outside the space, the seed and the data are equal, too.
    """
    study = planner.study
    assert study.spec.search is not None
    fixed = flattened(study.baseline.plain())
    theirs = flattened(record.plan.config)
    params: Params = {}
    for path, domain in study.spec.search.space.items():
        if is_active(domain, params, fixed) and path in theirs:
            params[path] = theirs[path]
    if not study.spec.search.allows(params, fixed):
        return None
    try:
        config = study.config(params, record.plan.name)
    except SpecError:
        return None
    is_same = config.digest(planner.store(config).digest) == record.plan.id
    return params if is_same else None
