"""Tables of a study: pure functions over its records."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from orchestrator.records import State, TrialRecord
from orchestrator.results import AblationResults, VariantResult, margin_of
from orchestrator.spec import Objective
from orchestrator.stats.samples import Sample, summarize
from orchestrator.stats.verdicts import Judgement, Verdict


@dataclass(frozen=True)
class Table:
    """Headings, rows of text and notes below them."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def markdown(self) -> str:
        head = [self.columns, tuple("---" for _ in self.columns)]
        escaped = ([cell.replace("|", "\\|") for cell in row] for row in [*head, *self.rows])
        lines = ["| " + " | ".join(row) + " |" for row in escaped]
        notes = [f"\n{note}" for note in self.notes]
        return "\n".join([f"**{self.title}**", "", *lines, *notes]) + "\n"


def best_variant(results: AblationResults) -> VariantResult | None:
    """The best mean over seeds, among the variants with the most complete seeds."""
    known = [row for row in results.rows if row.sample is not None]
    most = max((_num_seeds(row) for row in known), default=0)
    complete = [row for row in known if _num_seeds(row) == most]
    pick = max if results.study.spec.objective.mode == "max" else min
    return pick(complete, key=_mean) if complete else None


def _num_seeds(row: VariantResult) -> int:
    return len(row.sample.seeds) if row.sample is not None else 0


def _mean(row: VariantResult) -> float:
    assert row.sample is not None
    return float(row.sample.values.mean())


def ablation_table(results: AblationResults) -> Table:
    study, ablation = results.study, results.ablation
    metric = study.spec.objective.metric
    columns = ["variant", metric, "seeds", "difference", "verdict", "params", "MACs"]
    body = [
        [
            row.variant.name,
            _mean_std(row.sample),
            _counted(row),
            _interval(row.judgement),
            _verdict(row.judgement),
            _thousands(row.figure("num_params")),
            _millions(row.figure("macs")),
        ]
        for row in results.rows
    ]
    notes = [
        f"{metric} of each trial's best epoch: mean ± standard deviation over seeds. Difference: "
        f"variant minus baseline, paired by seed and clip, with its {ablation.confidence:.0%} "
        f"interval; verdicts are corrected over the study (Holm), margin {margin_of(study)}.",
        *_split_note(study.baseline.select_on),
    ]
    if ablation.paper is not None:
        columns.append("reported")
        body = [[*row, _number(ablation.paper.rows.get(row[0]))] for row in body]
        notes.append(f"Reported: {ablation.paper.source}, on {ablation.paper.dataset}.")
    return Table(f"Study {study.spec.study}", tuple(columns), tuple(map(tuple, body)), tuple(notes))


def leaderboard(
    study: str,
    records: Iterable[TrialRecord],
    objective: Objective,
    select_on: str = "val",
    top: int = 10,
) -> Table:
    """The best trials of a search; stopped ones are ranked below complete ones."""
    ranked = ranking(records, objective)
    paths = list(dict.fromkeys(path for record in ranked for path in record.plan.params))
    columns = ("rank", "trial", objective.metric, "epochs", "state", *paths)
    rows = tuple(
        (
            str(rank),
            record.plan.name,
            _number(record.best(objective.metric, objective.mode)),
            str(len(record.epochs)),
            record.state.value,
            *(_value(record.plan.params.get(path)) for path in paths),
        )
        for rank, record in enumerate(ranked[:top], start=1)
    )
    states = [record.state for record in ranked]
    counts = ", ".join(f"{states.count(s)} {s.value}" for s in State if s in states)
    notes = (f"{len(ranked)} trials: {counts}.", *_split_note(select_on))
    return Table(f"Study {study}", columns, rows, notes)


def ranking(records: Iterable[TrialRecord], objective: Objective) -> list[TrialRecord]:
    """Complete trials from best to worst, then stopped ones, then all others."""
    sign = -1 if objective.mode == "max" else 1
    places = {State.COMPLETE: 0, State.PRUNED: 1}

    def key(record: TrialRecord) -> tuple[int, bool, float]:
        value = record.best(objective.metric, objective.mode)
        return (places.get(record.state, 2), value is None, sign * (value or 0.0))

    return sorted(records, key=key)


def _split_note(select_on: str) -> tuple[str, ...]:
    if select_on != "test":
        return ()
    return ("Epochs were selected on the test split (select_on: test): not a held-out figure.",)


def _mean_std(sample: Sample | None) -> str:
    summary = None if sample is None else summarize(list(sample.values))
    if summary is None:
        return "-"
    if summary.std is None:
        return _number(summary.mean)
    return f"{_number(summary.mean)} ± {summary.std:.2f}"


def _counted(row: VariantResult) -> str:
    left = ((row.num_open, "open"), (len(row.failed), "failed"))
    rest = [f"{n} {what}" for n, what in left if n]
    return f"{_num_seeds(row)} ({', '.join(rest)})" if rest else str(_num_seeds(row))


def _interval(judgement: Judgement | None) -> str:
    if judgement is None:
        return ""
    if judgement.interval is None:
        return f"{judgement.effect.estimate:+.2f}"
    low, high = judgement.interval
    return f"{judgement.effect.estimate:+.2f} [{low:+.2f}, {high:+.2f}]"


def _verdict(judgement: Judgement | None) -> str:
    if judgement is None:
        return ""
    if judgement.verdict is Verdict.INCONCLUSIVE and judgement.more_seeds is not None:
        return f"inconclusive: about {judgement.more_seeds} more seeds needed"
    return judgement.verdict.value


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _thousands(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _millions(value: int | None) -> str:
    return "-" if value is None else f"{value / 1e6:,.1f} M"


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
