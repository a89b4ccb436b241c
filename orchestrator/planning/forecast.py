"""What a study will cost: hours, wall time and disk, from a few timed steps of each shape."""

from __future__ import annotations

import heapq
import multiprocessing
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

import torch

from orchestrator.ablation.fairness import tuning_plans
from orchestrator.engine.config import TrialConfig
from orchestrator.engine.documents import Raw
from orchestrator.engine.probe import Probe, Spread, probe
from orchestrator.engine.shape import shape_of
from orchestrator.planning.preview import Training, training_of, trainings_of
from orchestrator.planning.trials import Planner, current_records
from orchestrator.records import StudyLog, TrialPlan
from orchestrator.search.population import population_of
from orchestrator.spec import Resources, Study

SECONDS_AN_HOUR = 3600


@dataclass(frozen=True)
class Machine:
    """What there is to run trials on, and how many of them at a time at most."""

    num_cpus: int
    num_gpus: int
    max_concurrent: int | None = None

    @classmethod
    def here(
        cls, num_cpus: int | None, num_gpus: int | None, max_concurrent: int | None
    ) -> Machine:
        """This machine, where nothing else is said."""
        cpus = num_cpus if num_cpus is not None else os.cpu_count() or 1
        gpus = num_gpus if num_gpus is not None else torch.cuda.device_count()
        return cls(cpus, gpus, max_concurrent)

    def slots(self, needed: Resources) -> int:
        """How many trials run at a time; ValueError where not even one fits."""
        fit = int(self.num_cpus / needed.cpu)
        if needed.gpu > 0:
            fit = min(fit, int(self.num_gpus / needed.gpu))
        if fit < 1:
            raise ValueError(
                f"a trial asks for {needed.cpu:g} CPU and {needed.gpu:g} GPU, and there are "
                f"{self.num_cpus} CPU and {self.num_gpus} GPU; say --num-cpus and --num-gpus"
            )
        return min(fit, self.max_concurrent or fit)


@dataclass(frozen=True)
class Job:
    """One training that is left to be done: which shape it has, and for how many epochs."""

    shape: str
    epochs: int


Phase = list[Job]


@dataclass(frozen=True)
class Workload:
    """What is left at least and at most, phase after phase, and a configuration of each shape."""

    least: list[Phase]
    most: list[Phase]
    shapes: dict[str, TrialConfig]


Three = tuple[float, float | None, float]
"""Low, middle and high; the middle is None where it is open how much will be run."""


@dataclass(frozen=True)
class Forecast:
    """Of what is left to be done; least and most of trainings and of bytes."""

    trainings: tuple[int, int]
    core_hours: Three
    gpu_hours: Three
    wall_hours: Three
    disk_bytes: tuple[int, int]
    slots: int
    peak_memory_mb: float
    probes: tuple[Probe, ...]

    def plain(self) -> Raw:
        return asdict(self)


def forecast(
    study: Study, planner: Planner, log: StudyLog, machine: Machine, seconds: float
) -> Forecast:
    """Train each shape for so many seconds, in a process of its own, one after the other."""
    work = workload(study, planner, log)
    resources = study.spec.resources
    slots = machine.slots(resources)
    probes = {
        shape: probed(config, planner.data_root, resources, seconds)
        for shape, config in work.shapes.items()
    }
    return forecast_of(work, probes, resources, slots)


def workload(study: Study, planner: Planner, log: StudyLog) -> Workload:
    """The trainings that are not finished; one that was begun counts whole."""
    ablation = study.spec.ablation
    if ablation is None:
        return _search_workload(study, log)
    tries = _open(training_of(plan, log) for plan in tuning_plans(study, planner))

    def cells(seeds: list[int]) -> list[TrialPlan]:
        return _open(chain.from_iterable(trainings_of(study, planner, log, seeds).values()))

    first, every = cells(ablation.first_seeds), cells(ablation.all_seeds)
    shapes = {shape_of(plan.config): plan.config for plan in [*tries, *every]}
    return Workload(
        least=[_jobs(tries), _jobs(first)],
        most=[_jobs(tries), _jobs(every)],
        shapes={shape: TrialConfig.model_validate(plain) for shape, plain in shapes.items()},
    )


def _search_workload(study: Study, log: StudyLog) -> Workload:
    """As if every trial had the trial file's shape; a scheduler may stop all when it first can."""
    search = study.spec.search
    assert search is not None
    config = study.baseline
    done = sum(record.state.is_final for record in current_records(study, log))
    is_grid = search.sampler.name == "grid"
    trials = min(search.trials, search.num_grid_points) if is_grid else search.trials
    left, shape = max(0, int(trials) - done), shape_of(config.plain())
    population = population_of(study)
    epochs = config.epochs if population is None else population.epochs
    grace = getattr(search.scheduler, "grace_epochs", epochs)
    least = [Job(shape, min(grace, epochs))] * left
    most = [Job(shape, epochs)] * left
    return Workload([least], [most], {shape: config} if left else {})


def _open(trainings: Iterable[Training]) -> list[TrialPlan]:
    """One that several cells share is there once."""
    distinct = {t.plan.id: t.plan for t in trainings if not t.state.is_final}
    return list(distinct.values())


def _jobs(plans: Iterable[TrialPlan]) -> Phase:
    return [Job(shape_of(plan.config), plan.config["epochs"]) for plan in plans]


def forecast_of(
    work: Workload, probes: dict[str, Probe], resources: Resources, slots: int
) -> Forecast:
    """Trials that share a GPU may take as much longer as there are of them, in the high figure."""
    sharing = max(1, int(1 / resources.gpu)) if resources.gpu > 0 else 1

    def three(total: Callable[[list[Phase], int], float]) -> Three:
        middle = total(work.least, 1) if work.least == work.most else None
        return total(work.least, 0), middle, total(work.most, 2) * sharing

    def hours(phases: list[Phase], which: int) -> float:
        return sum(_hours(job, probes, which) for phase in phases for job in phase)

    def wall(phases: list[Phase], which: int) -> float:
        return sum(makespan([_hours(j, probes, which) for j in phase], slots) for phase in phases)

    total = three(hours)
    least, most = (sum(map(len, phases)) for phases in (work.least, work.most))
    return Forecast(
        trainings=(least, most),
        core_hours=_times(total, resources.cpu),
        gpu_hours=_times(total, resources.gpu),
        wall_hours=three(wall),
        disk_bytes=(_disk(work.least, probes), _disk(work.most, probes)),
        slots=slots,
        peak_memory_mb=max((p.peak_memory_mb for p in probes.values()), default=0.0),
        probes=tuple(probes.values()),
    )


def _hours(job: Job, probes: dict[str, Probe], which: int) -> float:
    spread: Spread = probes[job.shape].seconds(job.epochs)
    return spread[which] / SECONDS_AN_HOUR


def _times(three: Three, factor: float) -> Three:
    low, middle, high = three
    return factor * low, None if middle is None else factor * middle, factor * high


def makespan(durations: Iterable[float], slots: int) -> float:
    """When the last is done if each starts, in the given order, as soon as a slot is free."""
    free = [0.0] * slots
    for duration in durations:
        heapq.heapreplace(free, free[0] + duration)
    return max(free)


def _disk(phases: list[Phase], probes: dict[str, Probe]) -> int:
    """Last and best checkpoint and predictions; the last two once more with the run in MLflow."""
    kept = {
        shape: p.state_bytes + 2 * (p.weights_bytes + p.predictions_bytes)
        for shape, p in probes.items()
    }
    return sum(kept[job.shape] for phase in phases for job in phase)


def probed(config: TrialConfig, data_root: Path, resources: Resources, seconds: float) -> Probe:
    """In a process of its own, which has the memory that one trial has."""
    device = "cuda" if resources.gpu > 0 else "cpu"
    threads = max(1, int(resources.cpu))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_probe, config.plain(), data_root, device, threads, seconds).result()


def _probe(config: Raw, data_root: Path, device: str, threads: int, seconds: float) -> Probe:
    torch.set_num_threads(threads)
    known = TrialConfig.model_validate(config)
    return probe(known, data_root=data_root, device=device, seconds=seconds)
