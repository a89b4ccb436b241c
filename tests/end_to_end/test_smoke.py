"""A study tried out in small, through Ray and MLflow."""

from __future__ import annotations

import pytest

from tests.end_to_end.conftest import Bench

pytestmark = pytest.mark.slow


def test_a_smoke_run_trains_the_first_cells_and_leaves_nothing_but_the_data(bench: Bench) -> None:
    (bench.home / "mlflow.db").unlink()

    told = bench.skeltune("run", bench.root / "studies/tiny.yaml", "--smoke")

    assert "The study works here: 2 trainings in small, none kept." in told
    assert [path.name for path in bench.home.iterdir()] == ["data"]


def test_a_smoke_run_says_so_when_a_training_fails(bench: Bench) -> None:
    wild = {"variants": {"wild": {"optimizer.lr": 1e9}}}

    told = bench.skeltune("run", bench.write_study(ablation=wild), "--smoke", code=1)

    assert "not finite" in told
    assert "The study does not work here." in told
