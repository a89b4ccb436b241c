"""Designs: which variants an ablation compares with its baseline."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.ablation.fraction import fraction
from orchestrator.ablation.spec import (
    BASELINE,
    OFF,
    ON,
    STREAMS,
    Ablation,
    AddOneIn,
    Changes,
    Design,
    Factorial,
    FractionalFactorial,
    Grid,
    Ladder,
    LeaveOneOut,
    Pairs,
    Summed,
    weighted,
)

Levels = dict[str, str]
Row = tuple[str, Levels, Changes]
GONE = "n/a"
"""The level of a component that has fallen away with another one that it requires."""


@dataclass(frozen=True)
class Variant:
    """A row of the table: the level of each component that is not `on`, and what that changes.

    `levels` also has the values, as JSON, of a grid's factors where they are not the trial file's.
    `streams` maps each stream to its weight; empty: one training, of the stream the trial names.
    """

    name: str
    levels: Levels
    changes: Changes
    streams: dict[str, float]
    setting: str = ""
    fuse: Summed = "scores"

    @property
    def is_baseline(self) -> bool:
        return self.name == baseline_name(self.setting)


def baseline_name(setting: str = "") -> str:
    return f"{setting}: {BASELINE}" if setting else BASELINE


def variants_of(ablation: Ablation, values: Mapping[str, Any]) -> list[Variant]:
    """Of each setting the baseline first, then the designs' variants, then the explicit ones.

    Cells that several designs share are there once. `values` are the trial's, by dotted path; a
    grid's point that has them all is the baseline.
    """
    levels = {_key(given): given for given in _designed(ablation, values)}
    rows: list[Row] = [(BASELINE, {}, {})]
    rows += [(_name(one), one, _changes(ablation, one)) for one in levels.values() if one]
    rows += [(name, {}, changes) for name, changes in ablation.variants.items()]
    settings = ablation.settings or {"": {}}
    return [
        _variant(ablation, setting, changes, row)
        for setting, changes in settings.items()
        for row in rows
    ]


def _variant(ablation: Ablation, setting: str, around: Changes, row: Row) -> Variant:
    name, levels, changes = row
    changes = {**around, **changes}
    streams = weighted(changes.pop(STREAMS, ablation.streams))
    full_name = f"{setting}: {name}" if setting else name
    return Variant(full_name, levels, changes, streams, setting, ablation.fuse)


def left_out(ablation: Ablation, values: Mapping[str, Any]) -> list[str]:
    """The combinations that the designs have and `excludes` forbids."""
    names = (_name(levels) or BASELINE for levels in _wanted(ablation, values, allowed=False))
    return list(dict.fromkeys(names))


def _designed(ablation: Ablation, values: Mapping[str, Any]) -> Iterator[Levels]:
    return _wanted(ablation, values, allowed=True)


def _wanted(ablation: Ablation, values: Mapping[str, Any], *, allowed: bool) -> Iterator[Levels]:
    for design in ablation.design:
        for levels in _cells(design, ablation, values):
            kept = _without_fallen(ablation, levels)
            if _is_allowed(ablation, kept) is allowed:
                yield kept


def _cells(design: Design, ablation: Ablation, values: Mapping[str, Any]) -> Iterable[Levels]:
    """The levels other than `on` of each of the design's combinations."""
    others = {name: list(levels) for name, levels in ablation.components.items()}
    absent = {name: OFF if OFF in levels else levels[0] for name, levels in others.items()}
    if isinstance(design, Grid):
        return _grid(design, values)
    if isinstance(design, Ladder):
        return _ladder(design.order, absent)
    chosen = design.components if design.components is not None else list(others)
    match design:
        case LeaveOneOut():
            return ({name: level} for name in chosen for level in others[name])
        case AddOneIn():
            return _add_one_in(chosen, others, absent)
        case Pairs():
            couples = itertools.combinations(chosen, 2)
            return ({a: at, b: bt} for a, b in couples for at in others[a] for bt in others[b])
        case Factorial():
            combinations = itertools.product(*([ON, *others[name]] for name in chosen))
            return (_off(zip(chosen, levels, strict=True)) for levels in combinations)
        case FractionalFactorial():
            runs = fraction(len(chosen), design.resolution)
            return ({n: absent[n] for n, on in zip(chosen, r, strict=True) if not on} for r in runs)


def _add_one_in(
    chosen: list[str], others: dict[str, list[str]], absent: Levels
) -> Iterator[Levels]:
    bare = {name: absent[name] for name in chosen}
    yield bare
    for name in chosen:
        yield {other: level for other, level in bare.items() if other != name}
        for level in others[name]:
            if level != absent[name]:
                yield {**bare, name: level}


def _ladder(order: list[str], absent: Levels) -> Iterator[Levels]:
    for rung in range(len(order)):
        yield {name: absent[name] for name in order[rung:]}


def _grid(design: Grid, values: Mapping[str, Any]) -> Iterator[Levels]:
    for point in itertools.product(*design.factors.values()):
        pairs = zip(design.factors, point, strict=True)
        yield {path: json.dumps(v) for path, v in pairs if v != values.get(path)}


def _off(levels: Iterable[tuple[str, str]]) -> Levels:
    return {name: level for name, level in levels if level != ON}


def _without_fallen(ablation: Ablation, levels: Levels) -> Levels:
    """A component whose requirements are not met has no level of its own; nor what needs it."""
    kept = dict(levels)
    while fallen := [
        name
        for name, needed in ablation.requires.items()
        if kept.get(name) != GONE and not all(_holds(kept, one) for one in needed)
    ]:
        kept |= dict.fromkeys(fallen, GONE)
    return kept


def _is_allowed(ablation: Ablation, levels: Levels) -> bool:
    return not any(all(_holds(levels, one) for one in group) for group in ablation.excludes)


def _holds(levels: Levels, selector: str) -> bool:
    """`name`: the component is there at any level but `off`; `name=level`: at that one."""
    component, _, wanted = selector.partition("=")
    level = levels.get(component, ON)
    return level == wanted if wanted else level not in {OFF, GONE}


def _changes(ablation: Ablation, levels: Levels) -> Changes:
    changes: Changes = {}
    for name, level in levels.items():
        if level != GONE:
            known = ablation.components.get(name)
            changes |= {name: json.loads(level)} if known is None else known[level]
    return changes


def _name(levels: Levels) -> str:
    return ", ".join(f"{name}={level}" for name, level in levels.items() if level != GONE)


def _key(levels: Levels) -> frozenset[tuple[str, str]]:
    return frozenset(levels.items())
