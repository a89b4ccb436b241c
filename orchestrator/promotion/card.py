"""The model card: what has to be known about a version before its number is quoted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from orchestrator.artefact.description import Description
from orchestrator.engine.evaluate import top_k
from orchestrator.promotion.gate import CONFIDENCE
from orchestrator.promotion.looks import Look
from orchestrator.promotion.measuring import Costs
from orchestrator.promotion.split_scores import SplitScores
from orchestrator.stats.effects import contrast

MOST_PAIRS = 10
NAMES = ("card.md", "card.html")


@dataclass(frozen=True)
class ClassRow:
    """A class on the test split; figures in percent, None without clips."""

    name: str
    num_clips: int
    top1: float | None


@dataclass(frozen=True)
class Confused:
    """How many percent of a class's clips are taken for another one."""

    true: str
    taken_for: str
    percent: float


@dataclass(frozen=True)
class Accuracy:
    """Top-1 in percent; the interval is over what `over` says."""

    top1: float
    low: float
    high: float
    over: str
    per_seed: tuple[tuple[int, float], ...]
    top5: float


@dataclass(frozen=True, eq=False)
class Facts:
    """Everything that a card tells."""

    description: Description
    tested: SplitScores
    look: Look
    costs: Costs
    robustness: Sequence[tuple[float, float]]
    lineage: Mapping[str, str]
    terms: str
    selected_on: str


def card(facts: Facts) -> dict[str, str]:
    """`card.md` and `card.html`, which needs nothing but itself."""
    return {name: _rendered(name, facts) for name in NAMES}


def short_description(facts: Facts) -> str:
    """For the registry's list of versions."""
    found = accuracy(facts.tested)
    return (
        f"Test top-1 {found.top1:.2f} % [{found.low:.2f}, {found.high:.2f}] over {found.over}; "
        f"{facts.look.told()}. The whole card is with the version: card.html."
    )


def accuracy(tested: SplitScores) -> Accuracy:
    """Over seeds and clips; of a single seed over clips, by Wilson."""
    from orchestrator.artefact.figures import share

    hits, num_clips = tested.hits, len(tested.clips)
    effect = contrast([(1.0, tested.sample)], confidence=CONFIDENCE)
    assert effect is not None
    interval, over = effect.interval(CONFIDENCE), f"{len(hits)} seeds and {num_clips} clips"
    if interval is None:
        figure = share(hits[0] > 0)
        interval, over = (figure.low, figure.high), f"{num_clips} clips of one training"
    low, high = max(0.0, interval[0]), min(100.0, interval[1])
    per_seed = tuple(zip(tested.seeds, hits.mean(axis=1).tolist(), strict=True))
    return Accuracy(tested.top1, low, high, over, per_seed, _top5(tested))


def class_rows(tested: SplitScores, classes: Sequence[str]) -> list[ClassRow]:
    """Mean over seeds."""
    per_clip = tested.hits.mean(axis=0)
    masks = [tested.labels == label for label in range(len(classes))]
    return [
        ClassRow(name, int(mask.sum()), float(per_clip[mask].mean()) if mask.any() else None)
        for name, mask in zip(classes, masks, strict=True)
    ]


def confused_pairs(tested: SplitScores, classes: Sequence[str]) -> list[Confused]:
    """The largest shares first; none below one clip of one seed."""
    num, counts = len(classes), np.zeros((len(classes), len(classes)))
    for chosen in tested.scores.argmax(axis=2):
        np.add.at(counts, (tested.labels, chosen), 1)
    totals = counts.sum(axis=1, keepdims=True)
    shares = 100 * counts / np.where(totals, totals, 1)
    np.fill_diagonal(shares, 0)
    order = np.argsort(-shares, axis=None, kind="stable")[:MOST_PAIRS]
    places = [divmod(int(place), num) for place in order]
    return [
        Confused(classes[a], classes[b], float(shares[a, b])) for a, b in places if shares[a, b]
    ]


def _top5(tested: SplitScores) -> float:
    import torch

    labels = torch.from_numpy(tested.labels)
    return float(np.mean([top_k(labels, torch.from_numpy(s), 5) for s in tested.scores]))


def _rendered(name: str, facts: Facts) -> str:
    environment = Environment(
        loader=PackageLoader("orchestrator.promotion", "."),
        autoescape=name.endswith(".html"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["cell"] = _cell
    return environment.get_template(f"{name}.j2").render(**_content(facts))


def _content(facts: Facts) -> dict[str, Any]:
    description, classes = facts.description, facts.description.info.classes
    return {
        "facts": facts,
        "model": description,
        "accuracy": accuracy(facts.tested),
        "classes": class_rows(facts.tested, classes),
        "pairs": confused_pairs(facts.tested, classes),
        "costs": facts.costs,
        "recipes": {m.name: _recipe(m.config.plain()) for m in description.members},
    }


def _recipe(config: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(config), sort_keys=False)


def _cell(text: object) -> str:
    """Text that does not break a Markdown table."""
    return str(text).replace("|", "\\|").replace("\n", " ")
