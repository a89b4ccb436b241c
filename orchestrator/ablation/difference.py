"""Did it ablate? What each variant of a study changes besides, or instead of, what it says.

Every variant is held against the baseline of its setting: the configurations path by path, the
models module by module, and what training does by its fingerprints (`engine.fingerprint`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.ablation.cells import Arm, arms_of, study_variants
from orchestrator.ablation.designs import Variant
from orchestrator.ablation.undeclared import ABSENT, Pair, config_difference, undeclared
from orchestrator.engine.config import TrialConfig
from orchestrator.engine.errors import Problem, SpecError
from orchestrator.engine.fingerprint import Fingerprints
from orchestrator.engine.network import Piece
from orchestrator.planning.checks import Built, built_models
from orchestrator.planning.trials import Planner
from orchestrator.spec import Study

_SHOWN = 3


@dataclass(frozen=True)
class ModuleChange:
    """Modules by name; of those that are gone or new only the outermost."""

    removed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    retyped: dict[str, Pair] = field(default_factory=dict)
    reshaped: dict[str, Pair] = field(default_factory=dict)


@dataclass(frozen=True)
class Difference:
    """Between a variant and the baseline of its setting."""

    paths: dict[str, Pair]
    undeclared: dict[str, Pair]
    modules: ModuleChange
    parts: tuple[str, ...]
    """What training does otherwise, of `engine.fingerprint.Part`."""
    twin: str | None
    """An earlier variant of the setting that trains the same, though its configuration differs."""


@dataclass(frozen=True)
class Examined:
    """Every variant of an ablation, built and compared; by the variants' names."""

    built: dict[str, Built]
    differences: dict[str, Difference]
    warnings: tuple[str, ...]


def build_variants(study: Study, planner: Planner) -> dict[str, Built]:
    """Raise `SpecError` with every model that cannot be built."""
    arms = [arm for variant in study_variants(study) for arm in arms_of(study, variant)]
    configs = {f"variant {arm.name}": study.config(arm.changes, arm.name) for arm in arms}
    return built_models(study, planner, configs)


def examine(study: Study, planner: Planner) -> Examined:
    """Raise `SpecError` for models that cannot be built and for variants that change nothing."""
    models = build_variants(study, planner)
    arms = {variant.name: arms_of(study, variant) for variant in study_variants(study)}
    built = {name: models[f"variant {group[0].name}"] for name, group in arms.items()}
    compared = _Comparison(study, planner, arms, built)
    differences = {name: compared.difference(name) for name in arms}
    if problems := [p for name, d in differences.items() for p in _no_op(name, d, arms)]:
        raise SpecError(study.source, problems)
    return Examined(built, differences, tuple(_warnings(differences, arms)))


class _Comparison:
    """Variants in their order; each may be the twin of a later one."""

    def __init__(
        self, study: Study, planner: Planner, arms: dict[str, list[Arm]], built: dict[str, Built]
    ) -> None:
        self._study, self._planner = study, planner
        self._arms, self._built = arms, built
        self._short, self._whole = Fingerprints(), Fingerprints(frames=None)
        self._first: dict[tuple[Any, ...], str] = {}

    def difference(self, name: str) -> Difference:
        arm = self._arms[name][0]
        base = _baseline_of(arm.variant, self._arms)
        before, after = self._config(base), self._config(name)
        paths = config_difference(before, after)
        return Difference(
            paths=paths,
            undeclared=undeclared(arm.changes, paths, before.plain(), after.plain()),
            modules=module_change(self._built[base].layout, self._built[name].layout),
            parts=self._parts(base, name),
            twin=self._twin(name),
        )

    def _config(self, name: str) -> TrialConfig:
        arm = self._arms[name][0]
        return self._study.config(arm.changes, name)

    def _parts(self, base: str, name: str) -> tuple[str, ...]:
        before, after = (self._fingerprint(self._short, self._arms[n][0]) for n in (base, name))
        return tuple(part.value for part in before if before[part] != after[part])

    def _twin(self, name: str) -> str | None:
        """Few frames tell most variants apart; those that they do not are run on all."""
        suspect = self._first.setdefault(self._key(self._short, name), name)
        if suspect == name:
            return None
        is_same = self._key(self._whole, name) == self._key(self._whole, suspect)
        return suspect if is_same else None

    def _key(self, fingerprints: Fingerprints, name: str) -> tuple[Any, ...]:
        arms = self._arms[name]
        found = [tuple(self._fingerprint(fingerprints, arm).values()) for arm in arms]
        return (arms[0].variant.setting, *arms[0].variant.streams.values(), *found)

    def _fingerprint(self, fingerprints: Fingerprints, arm: Arm) -> dict[Any, str]:
        config = self._study.config(arm.changes, arm.name)
        return fingerprints.of(config, self._planner.store(config))


def _baseline_of(variant: Variant, arms: Mapping[str, list[Arm]]) -> str:
    names = (a[0].variant.name for a in arms.values() if a[0].variant.is_baseline)
    settings = {arms[name][0].variant.setting: name for name in names}
    return settings[variant.setting]


def module_change(before: Mapping[str, Piece], after: Mapping[str, Piece]) -> ModuleChange:
    common = [name for name in before if name in after]
    return ModuleChange(
        removed=_outermost(before, after),
        added=_outermost(after, before),
        retyped={
            name: (before[name].kind, after[name].kind)
            for name in common
            if before[name].kind != after[name].kind
        },
        reshaped={
            name: shapes
            for name in common
            for shapes in [_other_shapes(before[name], after[name])]
            if shapes is not None
        },
    )


def _outermost(these: Mapping[str, Piece], others: Mapping[str, Piece]) -> tuple[str, ...]:
    gone = [name for name in these if name not in others]
    return tuple(name for name in gone if name.rpartition(".")[0] not in gone)


def _other_shapes(before: Piece, after: Piece) -> Pair | None:
    """The first parameter that both have, in another shape."""
    common = before.shapes.keys() & after.shapes.keys()
    pairs = ((before.shapes[key], after.shapes[key]) for key in before.shapes if key in common)
    return next((pair for pair in pairs if pair[0] != pair[1]), None)


def _no_op(name: str, difference: Difference, arms: Mapping[str, list[Arm]]) -> Iterator[Problem]:
    twin = difference.twin
    if twin is not None and arms[twin][0].variant.is_baseline:
        changed = ", ".join(_told(path, pair) for path, pair in difference.paths.items())
        message = f"no-op ablation: trains exactly as {twin!r} does"
        message += f", although it has {changed}" if changed else ""
        yield Problem(f"variant {name}", None, message)


def _warnings(
    differences: Mapping[str, Difference], arms: Mapping[str, list[Arm]]
) -> Iterator[str]:
    """Each told once, of the first variant that it is true of."""
    known: set[str] = set()
    for name, difference in differences.items():
        if difference.twin is not None:
            yield f"no-op: {name} trains exactly as {difference.twin} does"
        for what in confounded(difference, arms[name][0].variant):
            if what not in known:
                known.add(what)
                yield f"confounded: {name} also {what}"


def confounded(difference: Difference, variant: Variant) -> Iterator[str]:
    """What the variant changes beyond what it writes.

    A switch (a boolean, or something that is null on one side) may add and remove modules; those
    that stay keep their shapes.
    """
    for path, pair in difference.undeclared.items():
        is_part = any(path.startswith(f"{written}.") for written in variant.changes)
        yield f"{'resets' if is_part else 'changes'} {_told(path, pair)}"
    reshaped = difference.modules.reshaped
    if reshaped and _only_switches(difference.paths):
        told = [f"{name} ({_size(a)} -> {_size(b)})" for name, (a, b) in reshaped.items()]
        more = f" and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
        yield f"reshapes {', '.join(told[:_SHOWN])}{more}"


def _only_switches(paths: Mapping[str, Pair]) -> bool:
    """Of what decides the model's sizes."""
    if any(path.startswith(("data.", "loss.classification.")) for path in paths):
        return False
    return all(
        any(isinstance(value, bool | None) or value == ABSENT for value in pair)
        for path, pair in paths.items()
        if path.startswith("model.")
    )


def _told(path: str, pair: Pair) -> str:
    before, after = ("null" if value is None else value for value in pair)
    return f"{path} {before} -> {after}"


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
