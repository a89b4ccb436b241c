"""What racing saves: trainings of a study that adds seeds where they are needed.

    python -m tests.benchmarks.bench_racing --studies 300

Made-up studies (`simulated.py` of the tests) of a baseline and six variants: three are as good as
the baseline, the others better by 1, 2.5 and 5 points. A race from 3 to 12 seeds is compared with
3 to 12 seeds for all: trainings of a study, how many of the three are found better, share of
studies with a wrong verdict. Saved are the trainings that as many verdicts take without racing.
"""

from __future__ import annotations

import argparse
import zlib

import numpy as np

from orchestrator.stats.racing import SeedRace
from orchestrator.stats.verdicts import Judgement, Verdict, judge
from tests.orchestrator.stats.simulated import WORLDS, differences, hits, num_trainings, raced

ACCURACIES = [90.0, 90.0, 90.0, 90.0, 91.0, 92.5, 95.0]
TRUTHS = [accuracy - ACCURACIES[0] for accuracy in ACCURACIES[1:]]
RACE = SeedRace(3, 12)
MARGIN = 1.0
Study = list[Judgement]


def is_wrong(judgement: Judgement, truth: float) -> bool:
    match judgement.verdict:
        case Verdict.BETTER:
            return truth <= 0
        case Verdict.WORSE:
            return truth >= 0
        case Verdict.EQUIVALENT:
            return abs(truth) >= MARGIN
        case _:
            return False


def figures(studies: list[Study]) -> tuple[float, float, float]:
    """Trainings a study, differences found a study, percentage of studies with a wrong verdict."""
    found = [sum(j.verdict is Verdict.BETTER for j in study[3:]) for study in studies]
    wrong = [any(map(is_wrong, study, TRUTHS)) for study in studies]
    trainings = [num_trainings(study) for study in studies]
    return float(np.mean(trainings)), float(np.mean(found)), 100 * float(np.mean(wrong))


def compare(world: str, num_clips: int, num_studies: int) -> None:
    rng = np.random.default_rng(zlib.crc32(f"{world} {num_clips}".encode()))
    fixed: dict[int, list[Study]] = {n: [] for n in range(RACE.first, RACE.last + 1)}
    races: list[Study] = []
    for _ in range(num_studies):
        clips = hits(WORLDS[world], ACCURACIES, RACE.last, num_clips, rng)
        races.append(raced(clips, RACE, MARGIN))
        for num_seeds, studies in fixed.items():
            studies.append(judge(differences(clips, num_seeds), MARGIN))
    trainings, found, wrong = figures(races)
    unraced = [figures(studies) for studies in fixed.values()]
    as_good = np.interp(found, [line[1] for line in unraced], [line[0] for line in unraced])
    lines = "  ".join(
        f"{n}: {line[1]:.2f} {line[2]:.1f}%" for n, line in zip(fixed, unraced, strict=True)
    )
    saved = 100 * (1 - trainings / as_good)
    print(f"{world}, {num_clips} clips: {trainings:.1f} trainings, {found:.2f} found, {wrong:.1f}%")
    print(f"    as many found without racing: {as_good:.1f}, saved {saved:.0f} %")
    print(f"    seeds for all, found, wrong: {lines}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=300)
    num_studies = parser.parse_args().studies
    for world in WORLDS:
        for num_clips in (150, 1000):
            compare(world, num_clips, num_studies)


if __name__ == "__main__":
    main()
