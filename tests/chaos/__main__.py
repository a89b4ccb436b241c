"""Studies under random faults for as long as you like.

python -m tests.chaos --minutes 20 --seed 7
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from tests.chaos.mayhem import Figures, bench_at, mayhem_on, run_undisturbed

KINDS = ("driver", "worker", "raylet", "head", "mlflow")
FAULTS_A_STUDY = 6


def main() -> int:
    """The exit code: 1 where something was lost or is there twice."""
    asked = _arguments()
    draw, total = Random(asked.seed), Figures()
    end = time.monotonic() + 60 * asked.minutes
    with tempfile.TemporaryDirectory() as root:
        bench = bench_at(Path(root))
        run_undisturbed(bench, "undisturbed")
        with mayhem_on(bench) as mayhem:
            while time.monotonic() < end:
                kinds = draw.choices(KINDS, k=FAULTS_A_STUDY)
                study = f"under_{'_'.join(kinds)}"
                figures = mayhem.run(study, kinds, draw)
                total += mayhem.compare(figures, study, "undisturbed")
                print(study, total, sep="\n", flush=True)
    return int(bool(total.duplicates or total.losses))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=7)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
