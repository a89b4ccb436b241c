"""How long it takes to prepare a data set with one and with several reading processes.

python -m tests.benchmarks.bench_preparation nw_ucla RAW [--workers 1 2] [--rounds 3]

Numbers of workers take turns; of each the least wall time counts. The raw files have been read
before, so that they come from the page cache.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from data.preparation import prepare
from orchestrator.datasets.own import find_source


def main() -> None:
    arguments = _arguments()
    source = find_source(arguments.name)
    seconds: dict[int, list[float]] = {number: [] for number in arguments.workers}
    with tempfile.TemporaryDirectory() as folder:
        prepare(source, arguments.raw, Path(folder))
        for _ in range(arguments.rounds):
            for workers in arguments.workers:
                begun = time.perf_counter()
                prepare(source, arguments.raw, Path(folder), workers=workers, overwrite=True)
                seconds[workers].append(time.perf_counter() - begun)
    for workers, measured in seconds.items():
        print(f"{source.info.name}, {workers} processes: {min(measured):.2f} s")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("raw", type=Path)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
