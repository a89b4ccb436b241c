"""One trial by itself, in this process: remembered and tracked like the trials of a study."""

from __future__ import annotations

from contextlib import closing

from data.preparation import ensure_store
from orchestrator.causes import Cause, cause_of, last_line, traceback_of
from orchestrator.engine.config import TrialConfig
from orchestrator.engine.errors import DivergedError, StorageError
from orchestrator.engine.files import TrialFiles
from orchestrator.engine.state import EpochMetrics
from orchestrator.engine.trial import load_result, train_epochs
from orchestrator.interruption import sigterm_as_ctrl_c
from orchestrator.planning.trials import plan_of
from orchestrator.recorder import Recorder
from orchestrator.records import Role, State, StudyLog, TrialPlan, TrialRecord
from orchestrator.session import Services, git_tags
from orchestrator.spec import SINGLE_TRIALS, Objective
from orchestrator.tracking.runs import MlflowTracker
from orchestrator.tracking.study_run import StudySummary, StudyTags


def train_single(
    config: TrialConfig, name: str, services: Services, device: str = "auto"
) -> TrialRecord:
    """Train, carry on, or find the trial finished already; its record tells which."""
    store = ensure_store(config.data.name, services.home.data)
    plan = plan_of(config, store, name, Role.SINGLE)
    folder = services.home.single(plan.id)
    with folder.locked(), closing(StudyLog(folder.journal()).open()) as log:
        about = StudyTags(SINGLE_TRIALS, {}, {"study": SINGLE_TRIALS, **git_tags()})
        uri, tell = services.tracking_uri, services.view.line
        tracker = MlflowTracker(uri, services.home.artifacts, about, tell)
        objective = Objective(metric=config.metric, mode=config.mode)
        recorder = Recorder(folder, objective, log, tracker, services.view, Role.SINGLE, total=1)
        record = log.plan(plan)
        recorder.mend()
        if record.state in {State.FAILED, State.OUT_OF_MEMORY}:
            log.reopen(plan.id)
        if not record.state.is_final:
            _train(config, plan, recorder, services, device)
        tracker.finish("FINISHED", StudySummary("Trials trained one by one."))
    return record


def _train(
    config: TrialConfig, plan: TrialPlan, recorder: Recorder, services: Services, device: str
) -> None:
    out = recorder.folder.trial(plan.id)
    recorder.started(plan)
    try:
        with sigterm_as_ctrl_c():
            epochs = train_epochs(config, out, data_root=services.home.data, device=device)
            for metrics in epochs:
                recorder.epoch(plan, metrics)
                recorder.tick()
                services.view.line(epoch_line(config, metrics))
        recorder.ended(plan, State.COMPLETE, load_result(TrialFiles(out)), None)
    except DivergedError as error:
        recorder.ended(plan, State.DIVERGED, None, str(error), Cause.DIVERGED)
    except KeyboardInterrupt:
        services.view.line("stopping")
    except Exception as error:
        _failed(plan, recorder, cause_of(error), traceback_of(error))
    finally:
        recorder.interrupt()


def _failed(plan: TrialPlan, recorder: Recorder, cause: Cause, error: str) -> None:
    """With the whole machine to itself; what could not be written is not the trial's failure."""
    if cause is Cause.STORAGE:
        recorder.lost(plan, cause, error, None)
        raise StorageError(recorder.folder.trial(plan.id), "write it", last_line(error))
    state = State.OUT_OF_MEMORY if cause.is_memory else State.FAILED
    recorder.ended(plan, state, None, error, cause)


def epoch_line(config: TrialConfig, metrics: EpochMetrics) -> str:
    """`epoch 3/12  train/loss 1.204  val/top1 71.2  lr 0.08  1.9 s`."""
    keys = ("train/loss", "train/top1", f"{config.eval_split}/top1", f"{config.eval_split}/loss")
    shown = [f"{key} {metrics[key]:.4g}" for key in keys if key in metrics]
    head = f"epoch {int(metrics['epoch']) + 1}/{config.epochs}"
    seconds = f"{metrics['epoch_seconds']:.1f} s"
    return "  ".join([head, *shown, f"lr {metrics['lr']:.3g}", seconds])
