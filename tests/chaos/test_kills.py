"""Real processes, really killed: a study ends with exactly what an undisturbed one has."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.chaos.mayhem import bench_at, mayhem_on, run_undisturbed

pytestmark = pytest.mark.slow


def test_a_study_whose_drivers_workers_nodes_and_servers_are_killed_loses_nothing(
    tmp_path: Path,
) -> None:
    kinds = ["worker", "driver", "head", "raylet", "mlflow"]
    bench = bench_at(tmp_path)
    run_undisturbed(bench, "undisturbed")

    with mayhem_on(bench) as mayhem:
        figures = mayhem.run("disturbed", kinds, Random(1))
        mayhem.compare(figures, "disturbed", "undisturbed")

    print(figures)
    assert figures.faults == dict.fromkeys(kinds, 1)
    assert (figures.trials, figures.duplicates, figures.losses) == (4, [], [])
