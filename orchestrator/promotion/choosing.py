"""Which configuration is promoted, and why this one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.ablation.results import AblationResults
from orchestrator.choice import By, Candidate, ablation_candidates, candidate_of, ranked
from orchestrator.engine.errors import SkelTuneError
from orchestrator.objective import pareto_front, values_of
from orchestrator.records import TrialRecord
from orchestrator.reports.ranking import ranking
from orchestrator.reports.table import Table
from orchestrator.spec import Objective, Study

MOST_SHOWN = 10


@dataclass(frozen=True)
class Wish:
    """What the user says about the choice."""

    by: By = By.LOWER_BOUND
    variant: str | None = None
    trial: str | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    """Of the objectives, by metric, where there are several."""
    num_replicated: int = 3
    num_seeds: int = 3
    """Of a replicated point of a search, and of the final training."""


@dataclass(frozen=True)
class Choice:
    """The winner, the others it was compared with, best first, and one sentence why."""

    winner: Candidate
    candidates: tuple[Candidate, ...]
    why: str
    figure: str
    """What the candidates' values are."""


class NothingToPromoteError(SkelTuneError):
    """No trial of the study is complete."""


def chosen(
    candidates: Sequence[Candidate], by: By, figure: str, variant: str | None = None
) -> Choice:
    """The first by the rule, or the one that the user names."""
    if not candidates:
        raise NothingToPromoteError("the study has no complete trial yet; run it first")
    order = ranked(candidates, by)
    winner = order[0] if variant is None else _named(order, variant)
    why = "named by the user" if variant is not None else _why(order, by, figure)
    return Choice(winner, tuple(order), f"{winner.variant}: {why}", figure)


def chosen_variant(results: AblationResults, wish: Wish) -> Choice:
    """A variant that the user names may be of any setting, and lack seeds."""
    candidates, figure = ablation_candidates(results), results.study.spec.objective.metric
    known = {candidate.variant for candidate in candidates}
    if wish.variant is not None and wish.variant not in known:
        others = [row for row in results.rows if row.sample is not None]
        candidates += [
            candidate_of(r, results.study) for r in others if r.variant.name not in known
        ]
    return chosen(candidates, wish.by, figure, wish.variant)


def _named(candidates: Sequence[Candidate], variant: str) -> Candidate:
    found = [candidate for candidate in candidates if candidate.variant == variant]
    if not found:
        known = ", ".join(candidate.variant for candidate in candidates)
        raise SkelTuneError(f"no variant {variant!r} has a complete training; known: {known}")
    return found[0]


def _why(order: Sequence[Candidate], by: By, figure: str) -> str:
    first, rest = order[0], order[1:]
    if not rest:
        return "the only one there is"
    among = f"of {len(order)} candidates"
    if by is By.LOWER_BOUND and first.bound is not None:
        return f"the best bound of {figure}, {first.bound:.2f}, {among}"
    best = f"the best mean of {figure}, {first.value:.2f}, {among}"
    return f"{best}; one seed each gives no bound" if by is By.LOWER_BOUND else best


def choice_table(choice: Choice) -> Table:
    """Best first; the winner is always among those shown."""
    shown = list(choice.candidates[:MOST_SHOWN])
    if choice.winner not in shown:
        shown.append(choice.winner)
    rows = tuple(
        (
            ("> " if candidate is choice.winner else "  ") + candidate.variant,
            f"{candidate.value:.2f}",
            _interval(candidate, choice.figure),
            str(candidate.seeds),
        )
        for candidate in shown
    )
    columns = ("candidate", choice.figure, "95 % interval", "n")
    return Table("Candidates", columns, rows, (f"Chosen: {choice.why}.",))


def _interval(candidate: Candidate, figure: str) -> str:
    """No accuracy is below 0 or above 100 %, whatever few seeds allow."""
    if candidate.interval is None:
        return ""
    low, high = candidate.interval
    if not figure.endswith("/loss"):
        low, high = max(low, 0.0), min(high, 100.0)
    return f"{low:.2f} to {high:.2f}"


@dataclass(frozen=True)
class Scoring:
    """One number of several objectives: their stated weights over the ranges on the front.

    The best value on the front counts 1, the worst 0; where all are equal, each counts 1.
    """

    objectives: tuple[Objective, ...]
    weights: tuple[float, ...]
    best: tuple[float, ...]
    worst: tuple[float, ...]

    def of(self, values: Sequence[float]) -> float:
        shares = map(_share, values, self.best, self.worst)
        parts = (weight * share for weight, share in zip(self.weights, shares, strict=True))
        return sum(parts) / sum(self.weights)


def _share(value: float, best: float, worst: float) -> float:
    return 1.0 if best == worst else (value - worst) / (best - worst)


def scoring(
    study: Study, records: Sequence[TrialRecord], weights: Mapping[str, float]
) -> Scoring | None:
    """None for a single objective, which needs no weights."""
    objectives = tuple(study.spec.objectives)
    _require_weights(objectives, weights)
    if len(objectives) == 1:
        return None
    front = [values_of(record, objectives) or [] for record in pareto_front(records, objectives)]
    if not front:
        raise NothingToPromoteError("the search has no complete trial yet; run it first")
    columns = list(zip(objectives, zip(*front, strict=True), strict=True))
    ends = [sorted(column, reverse=o.mode == "max") for o, column in columns]
    best, worst = tuple(column[0] for column in ends), tuple(column[-1] for column in ends)
    return Scoring(objectives, tuple(weights[o.metric] for o in objectives), best, worst)


def _require_weights(objectives: Sequence[Objective], weights: Mapping[str, float]) -> None:
    names = {objective.metric for objective in objectives}
    if len(names) == 1 and not weights:
        return
    is_usable = all(math.isfinite(w) and w >= 0 for w in weights.values()) and any(weights.values())
    if set(weights) != names or not is_usable:
        example = " ".join(f"--weights {name}=1" for name in sorted(names))
        raise SkelTuneError(
            "several objectives need a weight each, none negative and one above 0, as in "
            f"{example}; got {dict(weights) or 'none'}"
        )


def front_runners(
    records: Sequence[TrialRecord], objective: Objective, scored: Scoring | None, num: int
) -> list[TrialRecord]:
    """The best trials of a search, best first; of several objectives those on the front."""
    if scored is None:
        complete = [r for r in records if values_of(r, [objective]) is not None]
        return ranking(complete, objective)[:num]
    front = pareto_front(records, scored.objectives)

    def score(record: TrialRecord) -> float:
        return scored.of(values_of(record, scored.objectives) or [])

    return sorted(front, key=score, reverse=True)[:num]
