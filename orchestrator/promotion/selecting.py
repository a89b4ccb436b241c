"""From a study to the choice: what is known of it, and for a search what replicas add."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from orchestrator.ablation.results import AblationResults, results_of
from orchestrator.choice import By, single_candidate
from orchestrator.engine.errors import SkelTuneError
from orchestrator.home import StudyFolder
from orchestrator.planning.trials import Planner, current_records
from orchestrator.promotion.choosing import (
    Choice,
    Scoring,
    Wish,
    chosen,
    chosen_variant,
    front_runners,
    scoring,
)
from orchestrator.promotion.replicating import replicas, replicated, unreplicated
from orchestrator.records import State, StudyLog, TrialPlan, TrialRecord
from orchestrator.search.population import population_of
from orchestrator.spec import Study

Train = Callable[[Sequence[TrialPlan]], bool]
"""Trains what is open of the plans; whether that came to its end."""


@dataclass(frozen=True)
class Selection:
    """Where a choice is made from."""

    study: Study
    log: StudyLog
    folder: StudyFolder
    planner: Planner
    wish: Wish

    def choice(self, train: Train | None) -> Choice | None:
        """None where the user stopped the training of replicas.

        Without `train`, only replicas that are there already are looked at.
        """
        if self.wish.trial is not None:
            return self._named_trial(self.wish.trial)
        if self.study.spec.ablation is not None:
            return chosen_variant(self._results, self.wish)
        return self._of_search(train)

    @property
    def _results(self) -> AblationResults:
        return results_of(self.study, self.log, self.folder)

    def _named_trial(self, beginning: str) -> Choice:
        complete = [r for r in self._records if r.state is State.COMPLETE]
        found = [record for record in complete if record.plan.id.startswith(beginning)]
        if len(found) != 1:
            said = "no complete trial" if not found else f"{len(found)} trials"
            raise SkelTuneError(f"{said} of {self.study.spec.study} begins with {beginning!r}")
        objective = self.study.spec.objective
        candidate = single_candidate(found[0], objective)
        return chosen([candidate], By.MEAN, objective.metric, candidate.variant)

    def _of_search(self, train: Train | None) -> Choice | None:
        wish, records = self.wish, self._records
        scored = scoring(self.study, records, wish.weights)
        if wish.variant is not None:
            records = [r for r in records if r.plan.variant == wish.variant]
        num_replicated = 0 if wish.variant is not None else wish.num_replicated
        num = max(num_replicated, 1)
        runners = front_runners(records, self.study.spec.objective, scored, num)
        plans = replicas(self.planner, runners[:num_replicated], wish.num_seeds)
        if train is not None and not train([p for of_one in plans.values() for p in of_one]):
            return None
        return self._among(runners, plans, scored)

    def _among(
        self,
        runners: Sequence[TrialRecord],
        plans: dict[str, list[TrialPlan]],
        scored: Scoring | None,
    ) -> Choice:
        """By replicas where there are any: the search's own values are not compared with them."""
        known = [[p for p in of_one if p.id in self.log.records] for of_one in plans.values()]
        pairs = zip(runners, known, strict=False)
        found = [
            replicated(self.study, runner, of_one, self.log, self.folder, scored)
            for runner, of_one in pairs
        ]
        candidates = [candidate for candidate in found if candidate is not None]
        figure = self.study.spec.objective.metric if scored is None else "weighted score"
        if candidates:
            return chosen(candidates, self.wish.by, figure, self.wish.variant)
        alone = [unreplicated(self.study, runner, scored) for runner in runners]
        choice = chosen(alone, By.MEAN, figure, self.wish.variant)
        return replace(choice, why=f"{choice.why}; not replicated, so likely too high")

    @property
    def _records(self) -> list[TrialRecord]:
        return current_records(self.study, self.log)


def require_configuration(study: Study) -> None:
    """Raise `SkelTuneError` for a population: what won there is a history, no configuration."""
    if population_of(study) is not None:
        raise SkelTuneError(
            f"{study.spec.study} is a population, whose members go on from each other's weights: "
            "no configuration alone leads to its winner. What can be done: write the winner's "
            "values into a trial file, compare it with others in an ablation over seeds, and "
            "promote from that; the schedule that the population found is lost thereby"
        )
