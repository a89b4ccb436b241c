"""What is refused before anything starts."""

from __future__ import annotations

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
from orchestrator.spec import Study


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
