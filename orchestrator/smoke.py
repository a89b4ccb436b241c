"""A study in small: whether it works here, before the hours are spent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from orchestrator.ablation.designs import variants_of
from orchestrator.ablation.spec import STREAMS, Ablation, Changes
from orchestrator.engine.config import flattened, resolve_trial
from orchestrator.home import Home
from orchestrator.session import NO_SCHEDULER, Services
from orchestrator.spec import Study
from orchestrator.study import Outcome, run_study

NUM_VARIANTS = 2
NUM_POINTS = 2
SMALL: Changes = {"epochs": 1, "batch_size": 4, "max_clips": 8, "data.repeat": 1}


def in_small(study: Study) -> Study:
    """The baseline and the first variants, or the first points of a search, each for one epoch on
    a handful of clips; under a name of its own."""
    spec = study.spec
    changes: Changes = {"study": f"{spec.study}-smoke"}
    if spec.ablation is not None:
        changes["ablation"] = _first_cells(study, spec.ablation)
    if spec.search is not None:
        alone = {"trials": NUM_POINTS, "scheduler": NO_SCHEDULER}
        changes["search"] = spec.search.model_copy(update=alone)
    baseline = resolve_trial(study.trial_document, SMALL, study.source)
    return replace(study, spec=spec.model_copy(update=changes), baseline=baseline, on_top=SMALL)


def _first_cells(study: Study, ablation: Ablation) -> Ablation:
    """Of the first setting, with the first seed, without tuning."""
    alone = ablation.model_copy(update={"settings": {}})
    _, *others = variants_of(alone, flattened(study.baseline.plain()))
    rows = {v.name: {**v.changes, STREAMS: v.streams} for v in others[:NUM_VARIANTS]}
    content = {
        "settings": dict(islice(ablation.settings.items(), 1)),
        "streams": ablation.streams,
        "variants": rows,
        "seeds": ablation.first_seeds[:1],
    }
    return Ablation.model_validate(content)


def try_out(study: Study, services: Services) -> Outcome:
    """Run the study in small; nothing of it is left behind."""
    with throw_away(services.home) as home:
        small = replace(services, home=home, tracking_uri=home.embedded_uri)
        return run_study(in_small(study), small)


@contextmanager
def throw_away(home: Home) -> Iterator[Home]:
    """A home that is deleted in the end, with the data of this one; it lies inside, and its storage
    in that of this one, so that the nodes of a cluster see it as well."""
    home.data.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="smoke-", dir=home.root, ignore_cleanup_errors=True) as folder:
        (Path(folder) / "data").symlink_to(home.data, target_is_directory=True)
        storage = f"{home.place}/{Path(folder).name}" if home.place else None
        small = Home(Path(folder), storage)
        try:
            yield small
        finally:
            if small.place is not None:
                small.place.remove()
