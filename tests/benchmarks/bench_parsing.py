"""`.skeleton` files parsed a second, against reading them line by line.

    python -m tests.benchmarks.bench_parsing [--clips 300] [--rounds 5]

The files are written with the lengths of NTU RGB+D clips. That both readers find the same is
checked first; then all files are parsed by each in alternation, and the medians are compared.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from data.skeleton_text import parse_skeleton_text
from tests.benchmarks.straightforward_skeleton_text import read_skeleton_lines
from tests.data.skeleton_files import write_ntu_folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        paths = write_ntu_folder(Path(folder), arguments.clips)
        print(f"{len(paths)} files written in {time.perf_counter() - begin:.1f} s")
        contents = [path.read_bytes() for path in paths]
    for content in contents:
        for one, other in zip(parse(content), read_skeleton_lines(content), strict=True):
            np.testing.assert_array_equal(one, other)
    compare(contents, arguments.rounds)


def parse(content: bytes) -> tuple[np.ndarray, ...]:
    return parse_skeleton_text(content, "clip.skeleton")


def compare(contents: list[bytes], rounds: int) -> None:
    seconds: dict[Callable, list[float]] = {read_skeleton_lines: [], parse: []}
    for _ in range(rounds):
        for read, found in seconds.items():
            begin = time.perf_counter()
            for content in contents:
                read(content)
            found.append(time.perf_counter() - begin)
    size = sum(map(len, contents)) / 2**20
    for read, found in seconds.items():
        median = statistics.median(found)
        print(
            f"{read.__name__:20} {len(contents) / median:8.0f} files/s {size / median:8.0f} MiB/s"
        )
    ratios = [one / other for one, other in zip(*seconds.values(), strict=True)]
    print(f"ratio {statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})")


if __name__ == "__main__":
    main()
