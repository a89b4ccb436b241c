"""What the trainings of a study cost, variant by variant.

python -m tests.benchmarks.bench_studies search_spaces/studies/mdrgcn_table1_cvsta_rdl.yaml ...
python -m tests.benchmarks.bench_studies STUDY.yaml ... --data-root DIR     # prepared data

Without data: multiply-accumulates of a training, three times those of the model (forward and
backward) for every clip and epoch, in PMAC (10^15). With data: the processor seconds of the second
epoch on some of the clips, on one thread, and the minutes that all epochs on all clips take.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import torch

from data import DATASETS
from data.store import open_store
from orchestrator.ablation.cells import arms_of, study_variants
from orchestrator.engine.config import TrialConfig
from orchestrator.engine.network import build_model, input_shape, summarize
from orchestrator.engine.trial import train_epochs
from orchestrator.spec import load_study

CLIPS = {"fsd10": 1059, "gym99": 20484, "ntu60": 40091, "ntu120": 63026, "kinetics": 240436}
"""Of training and val together, cross-subject where a data set has several protocols."""
TIMED_CLIPS = 160


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("studies", type=Path, nargs="+")
    parser.add_argument("--data-root", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for path in arguments.studies:
        print(path.stem)
        for name, config in first_arms(path).items():
            told = timed(config, arguments.data_root) if arguments.data_root else counted(config)
            print(f"  {name:40s} {told}", flush=True)


def first_arms(path: Path) -> dict[str, TrialConfig]:
    """One stream of each variant: the others cost as much."""
    study = load_study(path)
    arms = {variant.name: arms_of(study, variant)[0] for variant in study_variants(study)}
    return {name: study.config(arm.changes, name) for name, arm in arms.items()}


def counted(config: TrialConfig) -> str:
    info = DATASETS[config.data.name].info
    size = summarize(build_model(config, info), input_shape(config, info))
    total = 3 * size.macs * CLIPS[config.data.name] * config.epochs
    return f"{size.num_params:>10,} parameters {size.macs / 1e9:6.2f} GMAC {total / 1e15:7.1f} PMAC"


def timed(config: TrialConfig, data_root: Path) -> str:
    store = open_store(config.data.name, data_root)
    few = config.model_copy(update={"max_clips": TIMED_CLIPS})
    with tempfile.TemporaryDirectory() as folder:
        epochs = train_epochs(few, Path(folder), data_root=data_root, device="cpu")
        next(epochs)
        started = time.process_time()
        next(epochs)
        seconds = time.process_time() - started
        epochs.close()
    share = len(store.split(config.data.protocol, *config.fit_splits)) / TIMED_CLIPS
    return f"{seconds:5.1f} s {seconds * share * config.epochs / 60:6.1f} minutes"


if __name__ == "__main__":
    main()
