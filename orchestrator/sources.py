"""What to run next: the open cells of an ablation, the points of a search."""

from __future__ import annotations

from collections import deque

from orchestrator.ablation_spec import Changes
from orchestrator.engine.config import flattened
from orchestrator.engine.errors import SpecError
from orchestrator.planning import Planner, current_records
from orchestrator.records import Role, StudyLog, TrialPlan
from orchestrator.sampling import Proposals
from orchestrator.search_spec import Search
from orchestrator.spec import Study


class CellSource:
    """The trainings that are not finished yet; one that several cells share is there once."""

    is_waiting = False

    def __init__(self, plans: list[TrialPlan], log: StudyLog) -> None:
        distinct: dict[str, TrialPlan] = {}
        for plan in plans:
            distinct.setdefault(plan.id, plan)
        records = [log.plan(plan) for plan in distinct.values()]
        self._open = deque(r.plan for r in records if not r.state.is_final)
        self.total = len(records)

    @property
    def num_left(self) -> int:
        return len(self._open)

    def next(self) -> TrialPlan | None:
        return self._open.popleft() if self._open else None


class SearchSource:
    """Trials that an earlier run left open, then new proposals up to the search's number."""

    is_waiting = False

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
