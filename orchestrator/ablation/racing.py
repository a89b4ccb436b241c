"""Seeds spent where the verdict is open: one more for every variant that is not settled yet.

All variants are run with the first seeds. Then each look at the results is followed by one seed
more of the variants that are still open and of their baselines, until none is, or until the last
seed. A look judges exactly the seeds up to it, so a study that is carried on after a stop decides
as it would have decided.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from orchestrator.ablation.cells import cells_of, study_variants
from orchestrator.ablation.designs import Variant, baseline_name
from orchestrator.ablation.fairness import tuned_by
from orchestrator.ablation.results import AblationResults, race_of, results_of
from orchestrator.home import StudyFolder
from orchestrator.planning.trials import Planner
from orchestrator.records import StudyLog, TrialPlan
from orchestrator.spec import Study


class RaceSource:
    """The trainings of a race of seeds, round by round."""

    def __init__(self, study: Study, planner: Planner, log: StudyLog, folder: StudyFolder) -> None:
        assert study.spec.ablation is not None
        race = race_of(study.spec.ablation)
        assert race is not None
        self._race = race
        self._study, self._planner, self._log, self._folder = study, planner, log, folder
        self._open: deque[TrialPlan] = deque()
        self._planned: dict[str, TrialPlan] = {}
        self._num_seeds = race.first
        self.total = 0
        """Trainings so far: a round more may follow."""
        self._add(range(race.first), study_variants(study))
        self._advance()

    @property
    def num_left(self) -> int:
        return len(self._open)

    @property
    def is_waiting(self) -> bool:
        """Whether what comes next depends on trials that still run."""
        return not self._open and not self._round_is_over()

    def next(self) -> TrialPlan | None:
        self._advance()
        return self._open.popleft() if self._open else None

    def _advance(self) -> None:
        """On to the first round that is not over yet."""
        while not self._open and self._round_is_over() and self._num_seeds < self._race.last:
            variants = runners(results_of(self._study, self._log, self._folder, self._num_seeds))
            if not variants:
                return
            self._add([self._num_seeds], variants)
            self._num_seeds += 1

    def _round_is_over(self) -> bool:
        return all(self._log.records[trial].state.is_final for trial in self._planned)

    def _add(self, seeds: Iterable[int], variants: Iterable[Variant]) -> None:
        tuned = tuned_by(self._study, self._planner, self._log)
        for cell in cells_of(self._study, self._planner, tuned, seeds, variants):
            for plan in cell.plans:
                if plan.id not in self._planned:
                    self._planned[plan.id] = plan
                    record = self._log.plan(plan)
                    if not record.state.is_final:
                        self._open.append(record.plan)
        self.total = len(self._planned)


def runners(results: AblationResults) -> list[Variant]:
    """The variants whose verdict is open, and the baselines that they are compared with."""
    rows = [row for row in results.rows if row.judgement is None or row.judgement.is_open]
    names = {row.variant.name for row in rows if not row.variant.is_baseline}
    needed = {baseline_name(row.variant.setting) for row in rows if row.variant.name in names}
    return [row.variant for row in results.rows if row.variant.name in names | needed]
