"""An ablation with all that a cell can be made of: tuned, of several streams, racing for seeds."""

from __future__ import annotations

import pytest

from tests.end_to_end.conftest import Bench

pytestmark = pytest.mark.slow

ABLATION = {
    "components": {"hops": {"two": {"bone": {"data.bone_hops": 2}}}},
    "streams": {"joint": 1.0, "bone": 0.5},
    "fairness": {"name": "retune_lr", "factors": [0.5, 1.0]},
    "seeds": {"min": 2, "max": 3},
}


def test_variants_are_tuned_then_raced_and_share_the_streams_they_do_not_touch(
    bench: Bench,
) -> None:
    study = bench.write_study(ablation=ABLATION)

    told = bench.skeltune("run", study)

    planned = [event["plan"] for event in bench.events() if event["event"] == "planned"]
    roles = [plan["role"] for plan in planned]
    assert roles[:6] == ["tuning"] * 6  # two rates of three trainings: the joint stream is shared
    assert roles.count("cell") in {6, 9}  # two or three seeds of these three
    assert set(roles) == {"tuning", "cell"}
    assert "hops=two" in told
    assert bench.count("ended") == len(planned)


def test_an_ensemble_of_streams_is_not_promoted_as_one_of_them(bench: Bench) -> None:
    ablation = {"variants": {"2s": {"streams": ["joint", "bone"]}}, "seeds": 1}
    study = bench.write_study(ablation=ablation)
    bench.skeltune("run", study)

    table = bench.skeltune("report", "tiny")

    assert "2s" in table
    assert bench.count("started") == 2  # the joint stream is the baseline's own training
