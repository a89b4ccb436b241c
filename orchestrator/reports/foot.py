"""What stands below the table of an ablation: how its figures came about."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.ablation.results import AblationResults, VariantResult
from orchestrator.ablation.spec import SeedRange
from orchestrator.reports.wording import Scale, counted, is_same_data
from orchestrator.stats.samples import Sample

BELOW_ONE_CLIP = "†"
BELOW_OUR_INTERVAL = "‡"


def notes_of(results: AblationResults, bold: frozenset[str]) -> tuple[str, ...]:
    """Sentence by sentence; those that would say nothing of this study are left out."""
    return tuple(
        " ".join(sentence.split())
        for sentence in (
            *_figures(results),
            *_resolution(results),
            _bold(results, bold),
            *_seeds(results),
            *split_note(results.study.baseline.select_on),
            *_paper(results),
            _progress(results),
        )
    )


def split_note(select_on: str) -> tuple[str, ...]:
    if select_on != "test":
        return ()
    return ("Epochs were selected on the test split (select_on: test): not a held-out figure.",)


def _figures(results: AblationResults) -> Iterator[str]:
    ablation, scale = results.ablation, Scale(results.study.spec.objective.metric)
    better = "higher" if results.study.spec.objective.mode == "max" else "lower"
    yield (
        f"{scale.metric} of each trial's best epoch ({better} is better): mean ± standard "
        "deviation over seeds."
    )
    num, margin = sum(row.judgement is not None for row in results.rows), results.margin
    around = " of its setting" if results.ablation.settings else ""
    yield (
        f"Difference: variant minus baseline{around}, paired by seed{_and_clip(results)}, with its "
        f"{ablation.confidence:.0%} interval. Verdicts are corrected over the study's "
        f"{counted(num, 'comparison')} (Holm)."
    )
    if margin is not None:
        yield f"Margin: differences below {scale.amount(margin)} are taken to be of no importance."


def _and_clip(results: AblationResults) -> str:
    """Rows whose predictions are gone take the clips as they are: their intervals are narrower."""
    judged = [row for row in results.rows if row.judgement is not None]
    seeds_alone = [r for r in judged if r.judgement and r.judgement.effect.num_clips is None]
    if len(seeds_alone) == len(judged):
        return ""
    names = ", ".join(row.variant.name for row in seeds_alone)
    return f" and clip (by seed alone, without predictions: {names})" if names else " and clip"


def _resolution(results: AblationResults) -> Iterator[str]:
    """Of every setting whose split has another size."""
    scale, told = Scale(results.study.spec.objective.metric), set()
    for setting in results.settings:
        sample = _first_with_clips(results.of_setting(setting))
        if sample is None or sample.resolution is None or sample.num_clips in told:
            continue
        told.add(sample.num_clips)
        yield (
            f"One clip of the {sample.num_clips:,} is worth {scale.amount(sample.resolution)}; "
            f"{BELOW_ONE_CLIP} marks differences below that."
        )


def _first_with_clips(rows: list[VariantResult]) -> Sample | None:
    known = (row.sample for row in rows if row.sample is not None)
    return next((sample for sample in known if sample.clips is not None), None)


def _bold(results: AblationResults, bold: frozenset[str]) -> str:
    if not bold:
        return (
            "Nothing is bold: no variant is set apart from the others, so any may be the best one."
        )
    within = " of its setting" if results.ablation.settings else ""
    return (
        f"Bold: the best variant{within} is one of these, with {results.ablation.confidence:.0%} "
        "confidence (no other is shown to beat them; one-sided paired tests, Bonferroni over the "
        "rivals)."
    )


def _seeds(results: AblationResults) -> Iterator[str]:
    ablation = results.ablation
    if isinstance(ablation.seeds, SeedRange):
        yield (
            f"Seeds were added until a verdict was reached, from {ablation.seeds.min} up to "
            f"{ablation.seeds.max}; intervals and verdicts allow for every look on the way."
        )
    if ablation.fairness.name != "fixed":
        yield (
            "Every variant was tuned before its seeds were run, with the same number of tries "
            f"(fairness: {ablation.fairness.name})."
        )


def _paper(results: AblationResults) -> Iterator[str]:
    paper = results.ablation.paper
    if paper is None:
        return
    data = results.study.baseline.data
    yield (
        f"Reported: {paper.source}, on {paper.dataset}; ours: {data.name}, protocol "
        f"{data.protocol}. Reported differences are marked {BELOW_ONE_CLIP} where they are smaller "
        f"than one clip of our split, and {BELOW_OUR_INTERVAL} where they are smaller than half "
        "our interval, so that our seeds and clips could not show them."
    )
    if not is_same_data(paper.dataset, data.name):
        yield (
            "The data sets differ: the figures cannot be compared, the direction of the "
            "differences can."
        )
    if paper.note:
        yield f"{paper.note.strip().rstrip('.')}."


def _progress(results: AblationResults) -> str:
    cells = [cell for row in results.rows for cell in row.cells]
    done = sum(cell.score is not None for cell in cells)
    failed = sum(cell.is_failed for cell in cells)
    rest = [(len(cells) - done - failed, "to be run"), (failed, "failed")]
    told = "".join(f", {number} {what}" for number, what in rest if number)
    started = {r.plan.id: r for row in results.rows for r in row.records if r.epochs}
    hours = sum(record.seconds for record in started.values()) / 3600
    kind, share = share_of_device(results)
    return (
        f"{done} of {len(cells)} cells are done{told}; {counted(len(started), 'training')} took "
        f"{hours * share:.2f} {kind}."
    )


def share_of_device(results: AblationResults) -> tuple[str, float]:
    """What is counted, and how much of it a trial occupies."""
    resources = results.study.spec.resources
    return ("GPU-hours", resources.gpu) if resources.gpu > 0 else ("core-hours", resources.cpu)
