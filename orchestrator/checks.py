"""What is refused before anything starts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from data.store import ArrayStore
from orchestrator.ablation_spec import Changes
from orchestrator.engine.config import TrialConfig
from orchestrator.engine.errors import Problem, SpecError
from orchestrator.engine.network import (
    ModelSummary,
    Piece,
    build_model,
    input_shape,
    layout,
    load_init_weights,
    summarize,
)
from orchestrator.planning import Planner
from orchestrator.spec import Study, objective_problems


class Built(NamedTuple):
    """A model that could be built: what it costs, and its modules."""

    summary: ModelSummary
    layout: dict[str, Piece]


def check_models(
    study: Study, planner: Planner, configs: dict[str, TrialConfig]
) -> dict[str, Built]:
    """Of each configuration its model; a `SpecError` with every one that its builder refuses."""
    models: dict[str, Built] = {}
    built: dict[str, Built] = {}
    problems = []
    for what, config in configs.items():
        store = planner.store(config)
        key = _decides_the_model(config, store)
        try:
            if key not in models:
                models[key] = _built(config, store)
            built[what] = models[key]
        except ValueError as error:
            problems.append(Problem(what, None, str(error)))
    if problems:
        raise SpecError(study.source, problems)
    return built


def _built(config: TrialConfig, store: ArrayStore) -> Built:
    model = build_model(config, store.info)
    load_init_weights(model, config)
    return Built(summarize(model, input_shape(config, store.info)), layout(model))


def _decides_the_model(config: TrialConfig, store: ArrayStore) -> str:
    plain = config.plain()
    said = [plain["model"], plain["loss"]["classification"], plain["init_weights"]]
    return json.dumps([*said, plain["data"]["clip_len"], store.name])


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
