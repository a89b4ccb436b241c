"""How often studies say something wrong, and how long their statistics take.

    python -m tests.benchmarks.bench_verdicts --studies 500 [--margin 3] [--worlds noise seeds ...]

Made-up studies (`simulated.py` of the tests) of a baseline and six variants. All are at 90 % (no
effect), or the variants better by just the margin. Shown is the percentage of studies with at least
one wrong BETTER or WORSE, and with at least one wrong EQUIVALENT; alpha is 5 %. A race looks after
each of 3 to 10 seeds.
"""

from __future__ import annotations

import argparse
import time
import zlib
from itertools import product

import numpy as np

from orchestrator.stats.racing import SeedRace
from orchestrator.stats.verdicts import Judgement, Verdict, judge
from tests.orchestrator.stats.simulated import WORLDS, differences, hits, raced

NUM_VARIANTS = 6
RACE = SeedRace(3, 10)


def judged(
    world: str, num_seeds: int | None, gain: float, margin: float, clips: int, n: int
) -> list[Judgement]:
    """A study of its own with a number of seeds, or raced."""
    rng = np.random.default_rng([zlib.crc32(world.encode()), num_seeds or 0, clips, n])
    accuracies = [90.0] + [90.0 + gain] * NUM_VARIANTS
    drawn = hits(WORLDS[world], accuracies, num_seeds or RACE.last, clips, rng)
    return judge(differences(drawn), margin) if num_seeds else raced(drawn, RACE, margin)


def share(studies: list[list[Judgement]], *wrong: Verdict) -> float:
    return 100 * float(np.mean([any(j.verdict in wrong for j in study) for study in studies]))


def line(world: str, num_seeds: int | None, clips: int, margin: float, num_studies: int) -> str:
    none, reached = (
        [judged(world, num_seeds, gain, margin, clips, n) for n in range(num_studies)]
        for gain in (0.0, margin)
    )
    different = share(none, Verdict.BETTER, Verdict.WORSE)
    equivalent = share(reached, Verdict.EQUIVALENT)
    return f"{world:17} {num_seeds or 'race':>4} {clips:5} | {different:5.1f} {equivalent:5.1f}"


def seconds_for_a_large_study() -> float:
    """50 differences to a baseline with 12 seeds and 20,000 clips, judged."""
    drawn = hits(WORLDS["both"], [90.0] * 51, 12, 20_000, np.random.default_rng(0))
    start = time.perf_counter()
    judge(differences(drawn), margin=1.0)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=500)
    parser.add_argument("--margin", type=float, default=1.0)
    parser.add_argument("--worlds", nargs="*", choices=WORLDS, default=list(WORLDS))
    args = parser.parse_args()
    print(f"50 differences, 12 seeds, 20,000 clips: {seconds_for_a_large_study():.1f} s")
    print("studies of %  with a wrong difference, with a wrong equivalence")
    for world, num_seeds, clips in product(args.worlds, (None, 3, 5, 10), (150, 1000)):
        print(line(world, num_seeds, clips, args.margin, args.studies), flush=True)


if __name__ == "__main__":
    main()
