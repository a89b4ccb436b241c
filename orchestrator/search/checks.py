"""What is refused of a search before anything starts."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.ablation.spec import Changes
from orchestrator.engine.config import flattened
from orchestrator.engine.errors import Problem, SpecError
from orchestrator.search.population_checks import population_problems
from orchestrator.search.space import is_active
from orchestrator.search.spec import Search
from orchestrator.spec import Study, objective_problems

RESULT_FIGURES = ("macs", "num_params")
EPOCH_FIGURES = ("train/loss", "train/top1", "epoch_seconds", "clips_per_second", "peak_memory_mb")
SPLIT_FIGURES = ("top1", "top5", "mean_class", "loss")


def check_search(study: Study) -> None:
    """Raise `SpecError` for what the search says that the trial does not take."""
    assert study.spec.search is not None
    problems = [*_space(study), *_constraints(study), *_objectives(study)] or [*_points(study)]
    problems += population_problems(study)
    if problems:
        distinct = [p for n, p in enumerate(problems) if p not in problems[:n]]
        raise SpecError(study.source, distinct)


def _space(study: Study) -> Iterator[Problem]:
    """Every path, with every choice or both ends of its range."""
    assert study.spec.search is not None
    for path, domain in study.spec.search.space.items():
        for value in domain.choice or domain.bounds:
            yield from _trial_problems(study, {**domain.when, path: value})


def _trial_problems(study: Study, changes: Changes) -> Iterator[Problem]:
    try:
        config = study.config(changes, "search.space")
        yield from objective_problems(study.spec.objective, config)
    except SpecError as error:
        for problem in error.problems:
            yield Problem(f"search.space: {problem.path}", problem.value, problem.message)


def _constraints(study: Study) -> Iterator[Problem]:
    """Paths that the trial does not have, or that are no numbers."""
    search, fixed = _parts(study)
    for number, constraint in enumerate(search.constraints):
        at = f"search.constraints.{number}"
        for path in constraint.paths:
            if path not in search.space and path not in fixed:
                yield Problem(at, path, "is neither searched nor a path of the trial")
            elif wrong := _no_numbers(search, fixed, path):
                yield Problem(at, path, f"must be a number to be compared, may be {wrong[0]!r}")


def _no_numbers(search: Search, fixed: Changes, path: str) -> list[object]:
    """What the path may be, if it is searched or not, that cannot be compared."""
    values = (search.space[path].choice or []) if path in search.space else [fixed[path]]
    return [v for v in values if isinstance(v, bool) or not isinstance(v, int | float | None)]


def _points(study: Study) -> Iterator[Problem]:
    """Points to try first that the search could not have proposed."""
    search, fixed = _parts(study)
    outside = {path: value for path, value in fixed.items() if path not in search.space}
    for number, point in enumerate(search.resolved_points(fixed)):
        at, known = f"search.points.{number}", {**outside, **point}
        for path, value in point.items():
            domain = search.space[path]
            if not domain.holds(value):
                yield Problem(f"{at}: {path}", value, "is not in the space")
            elif not is_active(domain, known, {}):
                yield Problem(f"{at}: {path}", value, f"is searched when {domain.when} alone")
        if search.points[number] == "trial":
            yield from _unsaid(search, at, known)
        for constraint in search.constraints:
            if known.keys() >= set(constraint.paths) and not constraint.holds(known):
                yield Problem(at, None, f"breaks the constraint {constraint}")


def _unsaid(search: Search, at: str, known: Changes) -> Iterator[Problem]:
    for path, domain in search.space.items():
        if is_active(domain, known, {}) and path not in known:
            message = "cannot be read off the trial file; write the point out"
            yield Problem(f"{at}: {path}", None, message)


def _objectives(study: Study) -> Iterator[Problem]:
    """Figures that no trial reports; those of single heads are known when it runs."""
    search, _ = _parts(study)
    split = study.baseline.eval_split
    known = [*RESULT_FIGURES, *EPOCH_FIGURES, *(f"{split}/{figure}" for figure in SPLIT_FIGURES)]
    if study.baseline.robust_noise is not None:
        known += [f"{split}/robust_{figure}" for figure in SPLIT_FIGURES]
    for number, objective in enumerate(search.further_objectives):
        at, metric = f"search.further_objectives.{number}.metric", objective.metric
        if metric not in known and not metric.startswith(f"{split}/top1_"):
            yield Problem(at, metric, f"is reported by no trial; known: {', '.join(known)}")
        if metric == study.spec.objective.metric:
            yield Problem(at, metric, "is the objective already")


def _parts(study: Study) -> tuple[Search, Changes]:
    assert study.spec.search is not None
    return study.spec.search, flattened(study.baseline.plain())
