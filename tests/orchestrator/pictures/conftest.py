"""One made-up factorial study, and a tiny trained trial of each kind of attention."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from orchestrator.ablation.results import AblationResults
from orchestrator.home import Home, StudyFolder
from orchestrator.pictures.canvas import house_style
from tests.engine.trials import make_config, prepare_tiny, train
from tests.orchestrator.pictures.made_up import factorial_study, made_up_results

HITS = {"baseline": 0.8, "cvsta=off": 0.5, "rdl=off": 0.75, "cvsta=off, rdl=off": 0.45}
SIZES = {"cvsta=off": {"num_params": 20_000}, "cvsta=off, rdl=off": {"num_params": 20_000}}
MODELS = {
    "mdrgcn": {"width": 4, "cvsta_ratio": 2},
    "dualhead": {
        "width": 4,
        "fine_width": 2,
        "gcn_scales": 2,
        "g3d_scales": 2,
        "dilations": [1, 2],
    },
    "slnl": {"channels": [4, 8], "new_joints": 4, "num_slnl_blocks": 1},
}


class Found(NamedTuple):
    """What a study has found, and where its predictions are."""

    results: AblationResults
    folder: StudyFolder


@pytest.fixture(scope="session")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """Two components, three seeds; the attention counts for more than the loss."""
    root = tmp_path_factory.mktemp("study")
    folder = StudyFolder(root / "tiny")
    return Found(made_up_results(factorial_study(root), folder, hits=HITS, sizes=SIZES), folder)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home folder with a single trial of one epoch for each model, named like the model."""
    home = Home(tmp_path_factory.mktemp("home"))
    prepare_tiny(home.data)
    for name, options in MODELS.items():
        config = make_config({"model": {"name": name, **options}, "epochs": 1})
        train(config, home.single(name).trial(name), home.data)
    return home


@pytest.fixture
def trial(trained: Home) -> Path:
    return trained.single("mdrgcn").trial("mdrgcn")


@pytest.fixture(autouse=True)
def in_house_style() -> Iterator[None]:
    with house_style():
        yield
