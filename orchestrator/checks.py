"""What is refused before anything starts."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.ablation_spec import Changes
from orchestrator.engine.config import TrialConfig
from orchestrator.engine.errors import Problem, SpecError
from orchestrator.engine.network import (
    ModelSummary,
    build_model,
    input_shape,
    load_init_weights,
    summarize,
)
from orchestrator.planning import Planner
from orchestrator.spec import Study, objective_problems


def check_models(
    study: Study, planner: Planner, configs: dict[str, TrialConfig]
) -> dict[str, ModelSummary]:
    """What each model costs; a `SpecError` with every model that its builder refuses."""
    summaries: dict[str, ModelSummary] = {}
    problems = []
    for what, config in configs.items():
        info = planner.store(config).info
        try:
            model = build_model(config, info)
            load_init_weights(model, config)
            summaries[what] = summarize(model, input_shape(config, info))
        except ValueError as error:
            problems.append(Problem(what, None, str(error)))
    if problems:
        raise SpecError(study.source, problems)
    return summaries


def check_space(study: Study) -> None:
    """Raise `SpecError` for a path or value of the search space that the trial does not take."""
    assert study.spec.search is not None
    problems = [
        problem
        for path, domain in study.spec.search.space.items()
        for value in (domain.choice or domain.bounds)
        for problem in _problems(study, {**domain.when, path: value})
    ]
    if problems:
        raise SpecError(study.source, list(dict.fromkeys(problems)))


def _problems(study: Study, changes: Changes) -> Iterator[Problem]:
    try:
        config = study.config(changes, "search.space")
        yield from objective_problems(study.spec.objective, config)
    except SpecError as error:
        for problem in error.problems:
            yield Problem(f"search.space: {problem.path}", problem.value, problem.message)
