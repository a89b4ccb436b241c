"""What things are called in pictures."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.ablation.designs import Variant
from orchestrator.ablation.results import AblationResults


def short_name(variant: Variant) -> str:
    """Without the setting, which the panel's title tells."""
    return variant.name.removeprefix(f"{variant.setting}: ") if variant.setting else variant.name


def unit_of(metric: str) -> str:
    """Accuracies are in percent, differences of them in points; losses have no unit."""
    return "" if metric.endswith("loss") else "%"


def points_of(metric: str) -> str:
    return "" if metric.endswith("loss") else "points"


def labelled(text: str, unit: str) -> str:
    return f"{text} ({unit})" if unit else text


def metric_of(results: AblationResults) -> str:
    return results.study.spec.objective.metric


def signed(value: float) -> str:
    """With two decimals and a minus as long as the plus."""
    return f"{value:+.2f}".replace("-", "−")


def told_range(numbers: Iterable[int | None]) -> str:
    """`5`, or `3 to 5`."""
    known = sorted({number for number in numbers if number is not None})
    return f"{known[0]} to {known[-1]}" if len(known) > 1 else str(known[0])
