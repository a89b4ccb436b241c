"""A preview as a table for people and as a document for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from typing import Any

from data.store import prepare_command
from orchestrator.ablation.difference import Difference, ModuleChange
from orchestrator.ablation.spec import SeedRange
from orchestrator.engine.documents import Raw
from orchestrator.planning.forecast import Forecast, Three
from orchestrator.planning.preview import (
    AblationPreview,
    Preview,
    SearchPreview,
    Training,
    VariantPreview,
)
from orchestrator.reports.table import Table

_SHOWN = 2


def preview_table(preview: Preview) -> Table:
    if isinstance(preview, SearchPreview):
        table = preview.table
        return replace(table, notes=(*table.notes, *_plan_notes(preview)))
    base = {r.variant.setting: r.summary.num_params for r in preview.rows if r.variant.is_baseline}
    rows = tuple(_row(row, base[row.variant.setting]) for row in preview.rows)
    columns = ("variant", "changes", "trainings", "params", "MACs", "remarks")
    title = f"Study {preview.study.spec.study}"
    return Table(title, columns, rows, tuple(_notes(preview)))


def _row(row: VariantPreview, base_params: int) -> tuple[str, ...]:
    more = row.summary.num_params - base_params
    done = sum(training.state.is_final for training in row.trainings)
    return (
        row.variant.name,
        told_changes(row.variant.changes),
        f"{len(row.trainings)} ({done} done)",
        f"{row.summary.num_params:,}" + (f" ({more:+,})" if more else ""),
        f"{row.summary.macs / 1e6:,.1f} M",
        "; ".join(_remarks(row.difference)),
    )


def _remarks(difference: Difference) -> Iterator[str]:
    modules = difference.modules
    for sign, names in (("-", modules.removed), ("+", modules.added)):
        if names:
            yield f"{sign}{_counted(names)}"
    if modules.reshaped:
        yield f"{len(modules.reshaped)} modules of other shape"
    if modules.retyped:
        yield f"{len(modules.retyped)} modules of other type"
    if difference.parts:
        yield f"other {', '.join(difference.parts)}"


def _counted(names: tuple[str, ...]) -> str:
    """Outermost modules by what they are called: `10 attention`."""
    words = [_word(name) for name in names]
    counts = {word: words.count(word) for word in words}
    shown = [f"{number} {word}" for word, number in list(counts.items())[:_SHOWN]]
    return ", ".join([*shown, *(["..."] if len(counts) > _SHOWN else [])])


def _word(name: str) -> str:
    """The last part of a module's name that is no number."""
    return next((part for part in reversed(name.split(".")) if not part.isdigit()), name)


def _notes(preview: AblationPreview) -> Iterator[str]:
    ablation, trainings = preview.ablation, preview.trainings
    shared = f", {preview.num_shared} shared with other cells" if preview.num_shared else ""
    seeds = ", ".join(map(str, ablation.first_seeds))
    if isinstance(ablation.seeds, SeedRange):
        seeds += f" and on up to {ablation.seeds.max} of them while a verdict is open"
    epochs = preview.study.baseline.epochs
    yield f"{_progress(trainings)}{shared}, seeds {seeds}, {epochs} epochs each."
    if preview.tuning:
        fairness = ablation.fairness.name
        yield f"Before them, tuning ({fairness}): {_progress(preview.tuning)}."
    if preview.left_out:
        yield f"Left out by excludes: {'; '.join(preview.left_out)}."
    if preview.baseline_points:
        yield f"Points of the grid that are the baseline: {'; '.join(preview.baseline_points)}."
    yield from (f"Warning: {warning}." for warning in preview.warnings)
    yield from _plan_notes(preview)


def _progress(trainings: Iterable[Training]) -> str:
    states = [training.state for training in trainings]
    return f"{len(states)} trials, {sum(state.is_final for state in states)} done"


def _plan_notes(preview: Preview) -> Iterator[str]:
    for name in preview.stand_ins:
        yield f"{name} is not prepared: planned on made-up clips; {prepare_command(name)}"
    if preview.digest is not None:
        yield f"Plan {preview.digest} (run --plan {preview.digest} refuses another)."


def told_changes(changes: dict[str, Any]) -> str:
    return ", ".join(f"{path}={value}" for path, value in changes.items())


def preview_document(preview: Preview) -> Raw:
    """Everything, in plain values."""
    spec = preview.study.spec
    said: Raw = {
        "study": spec.study,
        "file": preview.study.source,
        "plan": preview.digest,
        "not_prepared": list(preview.stand_ins),
    }
    said |= {"objective": spec.objective.model_dump()}
    if isinstance(preview, SearchPreview):
        assert spec.search is not None
        told = list(preview.table.notes)
        return {**said, "search": spec.search.model_dump(mode="json"), "notes": told}
    return {
        **said,
        "ablation": preview.ablation.model_dump(mode="json"),
        "variants": [_variant_document(row) for row in preview.rows],
        "tuning": [training.plain() for training in preview.tuning],
        "num_trainings": len(preview.trainings),
        "num_shared": preview.num_shared,
        "left_out": list(preview.left_out),
        "baseline_points": list(preview.baseline_points),
        "warnings": list(preview.warnings),
    }


def _variant_document(row: VariantPreview) -> Raw:
    variant, difference = row.variant, row.difference
    return {
        "name": variant.name,
        "setting": variant.setting,
        "is_baseline": variant.is_baseline,
        "levels": variant.levels,
        "changes": variant.changes,
        "streams": variant.streams,
        **asdict(row.summary),
        "difference": {
            "paths": _pairs(difference.paths),
            "undeclared": _pairs(difference.undeclared),
            "modules": _modules(difference.modules),
            "parts": list(difference.parts),
            "trains_as": difference.twin,
        },
        "trainings": [training.plain() for training in row.trainings],
    }


def forecast_notes(forecast: Forecast) -> Iterator[str]:
    """Of what is left, on the machine that was asked about."""
    least, most = forecast.trainings
    count = f"{least} trainings" if least == most else f"{least} to {most} trainings"
    spent = [f"{_duration(forecast.core_hours)} of cores"]
    if forecast.gpu_hours[2] > 0:
        spent.append(f"{_duration(forecast.gpu_hours)} of GPUs")
    yield f"Forecast: {count} are left: {', '.join(spent)}."
    disk = " to ".join(f"{size / 1e6:,.1f}" for size in dict.fromkeys(forecast.disk_bytes))
    yield (
        f"Wall time {_duration(forecast.wall_hours)} with {forecast.slots} at a time; "
        f"{disk} MB on disk; up to {forecast.peak_memory_mb:,.0f} MiB of memory a trial."
    )


def _duration(three: Three) -> str:
    low, middle, high = (None if hours is None else _told_hours(hours) for hours in three)
    return f"{low} to {high}" if middle is None else f"{middle} ({low} to {high})"


def _told_hours(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 1 else f"{60 * hours:.1f} min"


def _modules(change: ModuleChange) -> Raw:
    return {
        "removed": list(change.removed),
        "added": list(change.added),
        "retyped": _pairs(change.retyped),
        "reshaped": _pairs(change.reshaped),
    }


def _pairs(pairs: dict[str, tuple[Any, Any]]) -> dict[str, list[Any]]:
    """The baseline's value, then the variant's."""
    return {name: list(pair) for name, pair in pairs.items()}
