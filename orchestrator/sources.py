"""What to run next: the open cells of an ablation, the points of a search."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from orchestrator.engine.config import flattened
from orchestrator.engine.errors import SpecError
from orchestrator.home import Home
from orchestrator.planning.trials import Planner, current_records
from orchestrator.records import Role, StudyLog, TrialPlan
from orchestrator.search.space import Params
from orchestrator.search.spec import Search
from orchestrator.search.stop_rules import running_seconds, stop_reason
from orchestrator.search.warm_start import earlier_trials

if TYPE_CHECKING:
    from orchestrator.search.sampling import Proposals


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
    """Trials that an earlier run left open, then new proposals until the search has had enough."""

    is_waiting = False

    def __init__(
        self, search: Search, planner: Planner, log: StudyLog, proposals: Proposals
    ) -> None:
        self._search = search
        self._planner = planner
        self._log = log
        self._proposals = proposals
        known = current_records(planner.study, log)
        self._ids = [record.plan.id for record in known]
        self._left_open = deque(r.plan for r in known if not r.state.is_final)
        self._seconds_before = running_seconds(log.events())
        self._opened = time.monotonic()
        self.total = int(min(search.trials, proposals.num_points))
        self._look_at_the_limits()

    @property
    def num_left(self) -> int:
        return len(self._left_open) + max(0, self.total - len(self._ids))

    def next(self) -> TrialPlan | None:
        return self._left_open.popleft() if self._left_open else self._new()

    def _new(self) -> TrialPlan | None:
        self._look_at_the_limits()
        number = len(self._ids)
        if number >= self.total:
            return None
        for attempt in range(self._proposals.attempts):
            proposal = self._proposals.ask(number, attempt)
            if proposal is None:
                break
            suggestion, params = proposal
            plan = self._plan(f"trial {number:03d}", params)
            if plan is not None:
                self._proposals.accept(suggestion, plan.id, params)
                self._ids.append(plan.id)
                return self._log.plan(plan).plan
            self._proposals.refuse(suggestion)
        self.total = number
        return None

    def _look_at_the_limits(self) -> None:
        """From where a limit is reached on, the search is as long as it is."""
        seconds = self._seconds_before + time.monotonic() - self._opened
        records = [self._log.records[trial] for trial in self._ids]
        objectives = self._proposals.objectives
        if stop_reason(self._search.stop, objectives, records, seconds) is not None:
            self.total = min(self.total, len(self._ids))

    def _plan(self, name: str, params: Params) -> TrialPlan | None:
        """None for what the search or the trial does not take, and for what is known already."""
        is_allowed = self._search.allows(params, self._proposals.fixed)
        if not is_allowed or params in self._proposals.learnt:
            return None
        try:
            plan = self._planner.plan(name, Role.SEARCH, name, params)
        except SpecError:
            return None
        return None if plan.id in self._log.records else plan


def open_search(planner: Planner, log: StudyLog, home: Home) -> Proposals:
    """The sampler of a search, with everything told that earlier studies and the log know."""
    proposals = new_search(planner, home)
    proposals.replay(current_records(planner.study, log))
    return proposals


def new_search(planner: Planner, home: Home) -> Proposals:
    """The sampler as before the first trial, with everything told that earlier studies know."""
    from orchestrator.search.sampling import Proposals

    study = planner.study
    assert study.spec.search is not None
    fixed = flattened(study.baseline.plain())
    proposals = Proposals(study.spec.search, study.spec.objectives, fixed)
    for earlier in earlier_trials(planner, home):
        proposals.learn(earlier.observations)
    return proposals
