"""What is refused before anything starts."""

from __future__ import annotations

import json
from typing import NamedTuple

from data.store import ArrayStore
from orchestrator.engine.config import TrialConfig
from orchestrator.engine.errors import Problem, SpecError
from orchestrator.engine.network import (
    ModelSummary,
    Piece,
    build_model,
    decides_the_model,
    input_shape,
    layout,
    load_init_weights,
    summarize,
)
from orchestrator.planning.trials import Planner
from orchestrator.spec import Study


class Built(NamedTuple):
    """A model that could be built: what it costs, and its modules."""

    summary: ModelSummary
    layout: dict[str, Piece]


def check_models(
    study: Study, planner: Planner, configs: dict[str, TrialConfig]
) -> dict[str, ModelSummary]:
    """What each model costs; a `SpecError` with every model that its builder refuses."""
    found = built_models(study, planner, configs)
    return {what: built.summary for what, built in found.items()}


def built_models(
    study: Study, planner: Planner, configs: dict[str, TrialConfig]
) -> dict[str, Built]:
    """Of every configuration; one that several share is built once. Raises as `check_models`."""
    known: dict[str, Built] = {}
    found: dict[str, Built] = {}
    problems = []
    for what, config in configs.items():
        store = planner.store(config)
        key = _key(config, store)
        try:
            if key not in known:
                known[key] = _built(config, store)
            found[what] = known[key]
        except ValueError as error:
            problems.append(Problem(what, None, str(error)))
    if problems:
        raise SpecError(study.source, problems)
    return found


def _built(config: TrialConfig, store: ArrayStore) -> Built:
    alone = config.model_copy(update={"init_like": None})  # whose weights it takes, costs nothing
    model = build_model(alone, store.info)
    load_init_weights(model, config)
    return Built(summarize(model, input_shape(config, store.info)), layout(model))


def _key(config: TrialConfig, store: ArrayStore) -> str:
    plain = config.plain()
    said = [*decides_the_model(config), plain["init_weights"], plain["data"]["clip_len"]]
    return json.dumps([*said, store.name])
