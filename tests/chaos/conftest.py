"""Studies of every kind, to be run without training and to be cut short."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.engine.documents import dump_yaml
from orchestrator.home import Home
from orchestrator.spec import load_study
from tests.chaos.simulated import Simulation
from tests.engine.trials import TRIAL, prepare_tiny

RATES = {"optimizer.lr": {"float": [0.01, 0.3], "log": True}}
TWO = RATES | {"loss.embedding.inter": {"float": [0.0, 1.0]}}
COMPONENTS = {"rdl": {"off": {"loss.embedding": None}}, "cvsta": {"off": {"model.cvsta": False}}}
TPE = {"name": "tpe", "startup_trials": 3}
ASHA = {"name": "asha", "grace_epochs": 1, "reduction_factor": 2}
HYPERBAND = {"name": "hyperband", "grace_epochs": 1, "reduction_factor": 2, "brackets": 2}
MEDIAN = {"name": "median", "grace_epochs": 1, "min_trials": 2}


def search(trials: int = 10, sampler: Any = TPE, scheduler: Any = None, **more: Any) -> Any:
    content = {"trials": trials, "space": RATES, "sampler": sampler, **more}
    return {"search": content | ({"scheduler": scheduler} if scheduler else {})}


SMALL_EPOCHS = 2
STUDIES: dict[str, dict[str, Any]] = {
    "ablation": {
        "ablation": {"components": COMPONENTS, "design": "factorial", "seeds": 1},
        "overrides": {"epochs": SMALL_EPOCHS},
    },
    "small": {
        "ablation": {"variants": {"plain": {"loss.embedding": None}}, "seeds": 1},
        "overrides": {"epochs": SMALL_EPOCHS},
    },
    "race": {
        "ablation": {"components": COMPONENTS, "seeds": {"min": 3, "max": 5}},
        "overrides": {"epochs": SMALL_EPOCHS},
    },
    "tpe_asha": search(scheduler=ASHA),
    "tpe_hyperband": search(scheduler=HYPERBAND),
    "tpe_median": search(scheduler=MEDIAN),
    "tpe_patience": search(trials=14, stop={"patience": 3}),
    "cmaes": search(sampler={"name": "cmaes", "population": 4}, scheduler=ASHA, space=TWO),
    "pbt": search(trials=12, scheduler={"name": "pbt", "generations": 3}),
}


@pytest.fixture(scope="session")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    prepare_tiny(root)
    return root


@pytest.fixture
def simulation_of(
    tmp_path: Path, data_root: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Simulation]:
    """The study of this name, in a home of its own; no machine loses its power here."""
    monkeypatch.setattr("os.fsync", lambda _: None)

    def simulation_of(name: str) -> Simulation:
        about = {"study": name, "trial": "small", "objective": {"metric": "val/top1"}}
        trial = TRIAL | {"epochs": 6 if name == "pbt" else 4}
        for folder, document in (("trials", trial), ("studies", about | STUDIES[name])):
            (tmp_path / folder).mkdir()
            file = "small" if folder == "trials" else name
            (tmp_path / folder / f"{file}.yaml").write_text(dump_yaml(document))
        study = load_study(tmp_path / f"studies/{name}.yaml")
        return Simulation(study, data_root, Home(tmp_path / "whole"), monkeypatch)

    return simulation_of
