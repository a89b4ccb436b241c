from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from orchestrator.spec import Study, load_study

TRIAL = {"model": {"name": "mdrgcn", "width": 4}, "data": {"name": "synthetic"}, "epochs": 2}
TRIAL["batch_size"] = 4
STUDY = {
    "study": "Wide_or.narrow",
    "trial": "small",
    "objective": {"metric": "val/top1"},
    "resources": {"cpu": 2, "gpu": 1.5},
    "ablation": {"components": {"rdl": {"off": {"model.width": 8}}}, "seeds": 2},
}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Of trials on two CPUs and one and a half GPUs, in a folder that shells must quote."""
    for folder, document in {"trials/small": TRIAL, "studies/it's": STUDY}.items():
        path = tmp_path / f"{folder}.yaml"
        path.parent.mkdir()
        path.write_text(yaml.safe_dump(document))
    return load_study(tmp_path / "studies/it's.yaml")
