"""`python -m orchestrator.engine TRIAL.yaml --out DIR`: one training without the orchestrator."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from orchestrator.engine.config import load_trial
from orchestrator.engine.documents import parse_overrides
from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.state import EpochMetrics
from orchestrator.engine.trial import run_trial


def main() -> int:
    """Exit codes: 0 trained, 1 training failed, 2 bad input."""
    arguments = _arguments()
    try:
        config = load_trial(arguments.trial, parse_overrides(arguments.overrides))
    except SkelTuneError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        result = run_trial(
            config,
            arguments.out,
            data_root=arguments.data_root,
            device=arguments.device,
            report=_print,
        )
    except (SkelTuneError, ValueError) as error:
        print(f"{arguments.trial}: {error}", file=sys.stderr)
        return 1
    best = result["best"]
    monitored = "train/loss" if config.select_on == "none" else config.metric
    print(f"best {monitored} {best[monitored]:.2f} in epoch {int(best['epoch'])}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m orchestrator.engine", description=__doc__)
    parser.add_argument("trial", type=Path, help="a trial file")
    parser.add_argument("overrides", nargs="*", help="key=value, as in optimizer.lr=0.01")
    parser.add_argument("--out", type=Path, required=True, help="the trial's folder")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1 ...")
    parser.add_argument(
        "--data-root",
        type=Path,
        help="prepared data sets; default: data in SKELTUNE_HOME, else in the trial's folder",
    )
    arguments = parser.parse_intermixed_args()
    if arguments.data_root is None:
        home = Path(os.environ.get("SKELTUNE_HOME", arguments.out))
        arguments.data_root = home / "data"
    return arguments


def _print(metrics: EpochMetrics) -> None:
    parts = [f"{key} {value:.4g}" for key, value in metrics.items() if key != "epoch"]
    print(f"epoch {int(metrics['epoch'])}: " + ", ".join(parts), flush=True)


if __name__ == "__main__":
    sys.exit(main())
