"""The trials of a population, generation by generation.

The first is drawn by the sampler before any of it is trained; every later one follows from what the
log knows of the one before. So a search that goes on after a stop plans the trials that it had
planned.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.engine.errors import Problem, SpecError
from orchestrator.engine.files import TrialFiles
from orchestrator.home import StudyFolder
from orchestrator.planning.trials import Planner
from orchestrator.records import Role, StudyLog, TrialPlan
from orchestrator.search.population import Breeding, Member, Population, worth_of
from orchestrator.search.space import Params

if TYPE_CHECKING:
    from orchestrator.search.sampling import Proposals


class PopulationSource:
    """All members of a generation, then, when all of them have ended, those of the next."""

    def __init__(
        self,
        population: Population,
        planner: Planner,
        log: StudyLog,
        folder: StudyFolder,
        proposals: Proposals,
    ) -> None:
        self._population, self._planner = population, planner
        self._log, self._folder = log, folder
        self._objective = proposals.objectives[0]
        self._breeding = Breeding(proposals.search, proposals.fixed, self._allows)
        self._members: list[TrialPlan] = []
        self._open: deque[TrialPlan] = deque()
        self._generation = 0
        self.total = population.size * population.generations
        """Fewer where all members of a generation fail."""
        points = self._first_points(proposals)
        self._train([Member(place, params) for place, params in enumerate(points)])
        self._advance()

    @property
    def num_left(self) -> int:
        num_planned = (self._generation + 1) * self._population.size
        return len(self._open) + self.total - num_planned

    @property
    def is_waiting(self) -> bool:
        """Whether what comes next depends on members that still train."""
        return not self._open and not self._is_over()

    def next(self) -> TrialPlan | None:
        self._advance()
        return self._open.popleft() if self._open else None

    def _advance(self) -> None:
        """On to the first generation that is not over yet."""
        while self._is_over() and self.num_left > 0:
            records = [self._log.records[plan.id] for plan in self._members]
            worth = [worth_of(record, self._objective) for record in records]
            params = [plan.params for plan in self._members]
            heirs = self._breeding.heirs(self._generation + 1, params, worth)
            if not heirs:
                self.total -= self.num_left
                return
            self._generation += 1
            self._train(heirs)

    def _is_over(self) -> bool:
        return all(self._log.records[plan.id].state.is_final for plan in self._members)

    def _train(self, members: list[Member]) -> None:
        plans = [self._plan(place, member) for place, member in enumerate(members)]
        records = [self._log.plan(plan) for plan in plans]
        self._members = plans
        self._open = deque(record.plan for record in records if not record.state.is_final)

    def _plan(self, place: int, member: Member) -> TrialPlan:
        number = self._generation * self._population.size + place
        origin = f" from {member.parent:02d}" if member.parent != place else ""
        name = f"g{self._generation} member {place:02d}{origin}"
        weights = {"file": str(self._weights(member.parent))} if self._generation > 0 else None
        changes = self._population.changes(number, member.params, weights)
        return self._planner.plan(name, Role.SEARCH, name, changes, member.params)

    def _weights(self, place: int) -> Path:
        """Those of the last epoch, by which the member was ranked."""
        trial_id, name = self._members[place].id, TrialFiles(Path()).last.name
        return self._folder.bring(trial_id, name) / name

    def _first_points(self, proposals: Proposals) -> list[Params]:
        points = [self._first_point(proposals, n) for n in range(self._population.size)]
        known = [point for point in points if point is not None]
        if len(known) < len(points):
            message = f"the space has {len(known)} points for a population of {len(points)}"
            source = self._planner.study.source
            raise SpecError(source, [Problem("search.space", None, message)])
        return known

    def _first_point(self, proposals: Proposals, place: int) -> Params | None:
        for attempt in range(proposals.attempts):
            proposal = proposals.ask(place, attempt)
            if proposal is None:
                return None
            suggestion, params = proposal
            if self._allows(params):
                proposals.accept(suggestion, str(place), params)
                return params
            proposals.refuse(suggestion)
        return None

    def _allows(self, params: Params) -> bool:
        """Whether search and trial take these parameters."""
        try:
            self._planner.study.config(params, "search.space")
        except SpecError:
            return False
        return self._breeding.search.allows(params, self._breeding.fixed)
