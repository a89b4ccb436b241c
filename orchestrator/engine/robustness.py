"""How much the best weights are worth when joints are lost (MDR-GCN, table IV)."""

from __future__ import annotations

from data.store import ArrayStore
from orchestrator.engine.config import TrialConfig
from orchestrator.engine.evaluate import evaluate
from orchestrator.engine.files import TrialFiles, load_state
from orchestrator.engine.state import EpochMetrics, TrialState, eval_batches


def robust_figures(state: TrialState, store: ArrayStore, files: TrialFiles) -> EpochMetrics:
    """`SPLIT/robust_NAME` of the evaluated split with `robust_noise`; nothing without that.

    To be called when training has ended: the model is left with the weights of the best epoch.
    """
    config = state.config
    if config.robust_noise is None:
        return {}
    team = state.team
    batches = eval_batches(with_noise(config), store, state.device, config.eval_split, team)
    best = load_state(files.best, state.device) if team.is_first else {}
    state.model.load_state_dict(team.from_first(best, state.device)["model"])
    evaluation = evaluate(state.model, batches, state.autocast, team)
    return {f"{config.eval_split}/robust_{k}": value for k, value in evaluation.metrics.items()}


def with_noise(config: TrialConfig) -> TrialConfig:
    """The same trial on clips that have lost `robust_noise` of their joints."""
    data = config.data.model_copy(update={"noise": config.robust_noise, "noise_split": "both"})
    return config.model_copy(update={"data": data})
