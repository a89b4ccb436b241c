"""Studies from the command line to MLflow: real Ray, Optuna, MLflow on SQLite."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.conftest import ABLATION, Bench

pytestmark = pytest.mark.slow

SEARCH = {
    "study": "hunt",
    "ablation": None,
    "search": {
        "trials": 6,
        "sampler": {"name": "tpe", "startup_trials": 3},
        "scheduler": {"name": "asha", "grace_epochs": 1, "reduction_factor": 2},
        "space": {"optimizer.lr": {"float": [1e-3, 0.3], "log": True}},
    },
}


def test_a_study_is_planned_run_reported_and_found_in_mlflow(bench: Bench) -> None:
    study = bench.root / "studies/tiny.yaml"

    planned = bench.skeltune("plan", study)
    told = bench.skeltune("run", study)

    assert "rdl=off" in planned
    assert "4 trials, 0 done" in planned
    assert "difference" in told
    runs = bench.trial_runs()
    (parent,) = [run for run in bench.runs() if run.data.tags["role"] == "study"]
    assert {run.data.tags["mlflow.parentRunId"] for run in runs} == {parent.info.run_id}
    assert {run.info.status for run in bench.runs()} == {"FINISHED"}
    cells = {(run.data.tags["variant"], run.data.tags["seed"]) for run in runs}
    assert cells == {(v, s) for v in ("baseline", "rdl=off") for s in ("0", "1")}


def test_a_trials_run_holds_parameters_metrics_data_set_and_artifacts(bench: Bench) -> None:
    bench.skeltune("run", bench.write_study(ablation=ABLATION["ablation"] | {"seeds": 1}))

    run = next(run for run in bench.trial_runs() if run.data.tags["variant"] == "baseline")

    assert run.data.params["model.width"] == "4"
    assert run.data.params["loss.embedding.inter"] == "0.01"
    history = bench.client.get_metric_history(run.info.run_id, "val/top1")
    assert [metric.step for metric in history] == [0, 1, 2]
    wanted = {"train/loss", "lr", "epoch_seconds", "clips_per_second", "peak_memory_mb"}
    assert wanted <= run.data.metrics.keys()
    assert run.inputs.dataset_inputs[0].dataset.name == "synthetic/xsub"
    files = {file.path for file in bench.client.list_artifacts(run.info.run_id)}
    expected = {"config.yaml", "best.pt", "predictions.npz", "result.json", "confusion_matrix.png"}
    assert files == expected
    assert run.data.tags["status"] == "complete"


def test_running_a_study_again_runs_only_what_is_missing(bench: Bench) -> None:
    one_seed = bench.write_study(ablation=ABLATION["ablation"] | {"seeds": 1})
    bench.skeltune("run", one_seed)

    bench.skeltune("run", bench.write_study())
    bench.skeltune("run", bench.write_study())

    assert bench.count("started") == 4
    assert len(bench.runs()) == 5


def test_a_lost_mlflow_database_is_filled_again_from_the_log(bench: Bench) -> None:
    study = bench.root / "studies/tiny.yaml"
    bench.skeltune("run", study)
    before = {run.data.tags["mlflow.runName"]: run.data.metrics for run in bench.trial_runs()}
    (bench.home / "mlflow.db").unlink()

    bench.skeltune("run", study)

    after = {run.data.tags["mlflow.runName"]: run.data.metrics for run in bench.trial_runs()}
    assert after == before
    assert bench.count("started") == 4


def test_failed_trials_are_tried_again_when_the_user_says_so(bench: Bench) -> None:
    study, in_the_way = bench.root / "studies/tiny.yaml", bench.home / "studies/tiny/trials"
    in_the_way.parent.mkdir(parents=True)
    in_the_way.touch()
    bench.skeltune("run", study, code=1)
    in_the_way.unlink()

    bench.skeltune("run", study, code=1)
    told = bench.skeltune("run", study, "--retry-failed")

    assert "complete" in told
    assert {run.info.status for run in bench.runs()} == {"FINISHED"}
    assert len(bench.trial_runs()) == 4


def test_a_search_stops_bad_trials_early_and_can_be_extended(bench: Bench) -> None:
    bench.write_trial(epochs=4, monitor="loss")  # accuracies of a few clips would often be equal
    search = SEARCH | {"objective": {"metric": "val/loss", "mode": "min"}}
    bench.skeltune("run", bench.write_study(**search))
    longer = search | {"search": search["search"] | {"trials": 8}}

    told = bench.skeltune("run", bench.write_study(**longer))

    assert "8 trials:" in told
    states = [run.data.tags["status"] for run in bench.trial_runs("hunt")]
    assert len(states) == 8
    assert set(states) == {"complete", "pruned"}
    assert len({run.data.params["optimizer.lr"] for run in bench.trial_runs("hunt")}) == 8


def test_a_diverged_trial_is_named_and_the_others_go_on(bench: Bench) -> None:
    wild = {"variants": {"wild": {"optimizer.lr": 1e9}}, "seeds": 1}

    told = bench.skeltune("run", bench.write_study(ablation=wild), code=1)

    assert "diverged" in told
    assert "not finite" in told
    statuses = {run.data.tags["variant"]: run.info.status for run in bench.trial_runs()}
    assert statuses == {"baseline": "FINISHED", "wild": "FAILED"}


def test_the_best_variant_is_promoted_once_and_becomes_the_champion(bench: Bench) -> None:
    bench.skeltune("run", bench.root / "studies/tiny.yaml")

    told = bench.skeltune("promote", "tiny", "--by", "mean", "--seeds", 1)
    again = bench.skeltune("promote", "tiny", "--by", "mean", "--seeds", 1)

    assert "1st look at this test split" in told
    assert "1st look at this test split" in again
    assert "the champion already" in again
    version = bench.client.get_model_version_by_alias("mdrgcn-synthetic-xsub", "champion")
    assert version.version in {1, "1"}
    final = bench.client.get_run(version.run_id)
    assert final.data.tags["role"] == "final"
    assert final.data.params["select_on"] == "none"
    assert version.tags["study"] == "tiny"
    means = {"baseline": [], "rdl=off": []}
    for run in bench.trial_runs():
        if run.data.tags["role"] == "cell":
            means[run.data.tags["variant"]].append(run.data.metrics["best/val/top1"])
    assert sum(means[version.tags["variant"]]) == max(map(sum, means.values()))
    assert version.tags["data_digest"] == final.data.tags["data_digest"]
    assert 0 <= float(version.tags["test/top1"]) <= 100
    assert 0 <= final.data.metrics["test/top1"] <= 100


def test_a_population_trains_on_from_its_own_weights_and_is_not_promoted(bench: Bench) -> None:
    bench.write_trial(epochs=2)
    search = {
        "trials": 6,
        "scheduler": {"name": "pbt", "generations": 2},
        "space": {"optimizer.lr": {"float": [1e-3, 0.3], "log": True}},
    }
    study = bench.write_study(study="flock", ablation=None, search=search)

    told = bench.skeltune("run", study)
    refused = bench.skeltune("promote", "flock", code=2)

    assert "6 trials: 6 complete" in told
    runs = {run.data.tags["mlflow.runName"]: run.data for run in bench.trial_runs("flock")}
    starts = [Path(runs[name].params.get("init_weights.file", "")).name for name in sorted(runs)]
    assert starts == [""] * 3 + ["last.pt"] * 3
    assert "no configuration alone leads to its winner" in refused


def test_one_trial_can_be_trained_by_itself_with_overrides(bench: Bench) -> None:
    trial = bench.root / "trials/small.yaml"

    told = bench.skeltune("train", trial, "optimizer.lr=1e-2", "epochs=2")
    again = bench.skeltune("train", trial, "optimizer.lr=1e-2", "epochs=2")

    assert "epoch 2/2" in told
    assert "epoch" not in again.split("complete")[0]
    (run,) = bench.trial_runs("single_trials")
    assert run.data.params["optimizer.lr"] == "0.01"


def test_status_and_report_tell_of_a_finished_study(bench: Bench) -> None:
    bench.skeltune("run", bench.root / "studies/tiny.yaml")

    status = bench.skeltune("status")
    report = bench.skeltune("report", "tiny", "--format", "markdown")

    assert "tiny" in status
    assert "| ✓ |" in report
    assert (bench.home / "studies/tiny/report.md").read_text() == report
    bench.skeltune("report", "tiny", "--check", bench.home / "studies/tiny/report.html")
    parent = next(run for run in bench.runs() if run.data.tags["role"] == "study")
    files = [file.path for file in bench.client.list_artifacts(parent.info.run_id)]
    assert sorted(files) == ["pictures", "report.html", "report.md"]
    run = next(run for run in bench.trial_runs() if run.data.tags["variant"] == "baseline")
    assert f"/runs/{run.info.run_id})" in report
