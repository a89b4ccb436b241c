"""What is refused of a population based training before anything starts."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.engine.errors import Problem
from orchestrator.search.population import population_of
from orchestrator.search.space import Domain
from orchestrator.search.spec import Search, Stop
from orchestrator.spec import Study

AUGMENTATIONS = frozenset(
    {
        "data.crop",
        "data.crop_min_frames",
        "data.rotation_deg",
        "data.scale",
        "data.shear",
        "data.mirror",
        "data.temporal_flip",
        "data.joint_drop",
        "data.random_move",
    }
)
_FIXED = (
    "cannot change while a population trains; what can are options of the optimizer, "
    "numbers of the loss, and " + ", ".join(sorted(AUGMENTATIONS))
)


def population_problems(study: Study) -> Iterator[Problem]:
    """No problems where the study is no such training."""
    search, population = study.spec.search, population_of(study)
    if search is None or population is None:
        return
    yield from _lengths(study, search, population.generations)
    yield from _search(search)
    schedule = study.baseline.lr_schedule
    if schedule.name != "constant" or schedule.args["warmup_epochs"] > 0:
        message = "must be constant, without warm-up: every generation is a training of its own"
        yield Problem("trial.lr_schedule", schedule.name, message)
    for path, domain in search.space.items():
        if not _can_change(path, domain):
            yield Problem(f"search.space: {path}", None, _FIXED)


def _lengths(study: Study, search: Search, generations: int) -> Iterator[Problem]:
    if search.trials % generations or search.trials < 2 * generations:
        message = f"must be a population of at least 2 times the {generations} generations"
        yield Problem("search.trials", search.trials, message)
    if study.baseline.epochs % generations:
        message = f"must be a multiple of the {generations} generations, which divide them"
        yield Problem("trial.epochs", study.baseline.epochs, message)


def _search(search: Search) -> Iterator[Problem]:
    if search.sampler.name == "grid":
        message = "begins no population, for its first points lie side by side; take random"
        yield Problem("search.sampler.name", "grid", message)
    if search.stop != Stop.model_validate({}):
        message = "cannot be had with pbt: a population is as long as `trials` says"
        yield Problem("search.stop", None, message)


def _can_change(path: str, domain: Domain) -> bool:
    """Whether weights trained with one value can be trained on with any other."""
    if path.startswith("loss."):
        return all(type(value) in (int, float) for value in domain.choice or ())
    return path.startswith("optimizer.") or path in AUGMENTATIONS
