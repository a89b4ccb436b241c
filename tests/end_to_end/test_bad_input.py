"""Errors that users meet: told kindly, with exit code 2 and no traceback."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from orchestrator.cluster import shipping
from orchestrator.cluster.shipping import SHIPPED, shipped_code
from tests.end_to_end.conftest import ABLATION, CHECKOUT, Bench


def test_a_bad_study_file_lists_every_problem_at_once(bench: Bench) -> None:
    study = bench.write_study(objektive={}, resources={"cpu": 0}, max_concurrent="many")

    told = bench.skeltune("run", study, code=2)

    assert str(study) in told
    assert "objektive: unknown key; did you mean 'objective'?" in told
    assert "resources.cpu = 0" in told
    assert "max_concurrent = 'many'" in told


def test_a_variant_with_a_wrong_path_is_named(bench: Bench) -> None:
    study = bench.write_study(ablation={"variants": {"odd": {"model.widht": 8}}})

    told = bench.skeltune("plan", study, code=2)

    assert "odd" in told
    assert "model.widht = 8: unknown key; did you mean 'width'?" in told


@pytest.mark.parametrize("command", ["plan", "run"])
def test_every_variant_whose_model_cannot_be_built_is_named(bench: Bench, command: str) -> None:
    variants = {"odd": {"model.width": 7}, "even": {"model.temporal_kernels": [4]}}

    told = bench.skeltune(command, bench.write_study(ablation={"variants": variants}), code=2)

    assert "variant odd" in told
    assert "variant even" in told


@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_variant_that_changes_nothing_is_refused(bench: Bench, command: str) -> None:
    idle = {"variants": {"idle": {"model.joint_attention_reduction": 2}}}

    told = bench.skeltune(command, bench.write_study(ablation=idle), code=2)

    assert "variant idle: no-op ablation: trains exactly as 'baseline' does" in told
    assert "model.joint_attention_reduction 4 -> 2" in told


def test_a_plan_that_is_not_the_studys_any_more_is_refused(bench: Bench) -> None:
    planned = json.loads(bench.skeltune("plan", bench.write_study(), "--json"))
    amended = bench.write_study(ablation=ABLATION["ablation"] | {"seeds": 3})

    told = bench.skeltune("run", amended, "--plan", planned["plan"], code=2)

    assert f"not {planned['plan']}: the study file, its trial file or the data have" in told
    assert bench.count("started") == 0


def test_a_data_set_that_is_not_prepared_names_the_command(bench: Bench) -> None:
    trial = bench.write_trial(data={"name": "nw_ucla", "clip_len": 8})

    told = bench.skeltune("train", trial, code=2)

    assert "skeltune data prepare nw_ucla --raw" in told


def test_an_unknown_study_is_named(bench: Bench) -> None:
    told = bench.skeltune("report", "tinny", code=2)

    assert "no study 'tinny'" in told
    assert "known: none" in told


def test_a_variant_that_reports_another_figure_is_refused(bench: Bench) -> None:
    study = bench.write_study(ablation={"variants": {"odd": {"monitor": "mean_class"}}})

    told = bench.skeltune("run", study, code=2)

    assert "(odd)" in told
    assert "objective.metric = 'val/top1'" in told


def test_resources_that_no_node_has_are_refused_before_anything_waits(bench: Bench) -> None:
    told = bench.skeltune("run", bench.root / "studies/tiny.yaml", "--gpu", 1, code=2)

    assert "no node has that" in told


@pytest.mark.parametrize("command", [(), ("data",)])
def test_help_answers_without_loading_vendors(command: tuple[str, ...]) -> None:
    probe = (
        "import sys\nfrom orchestrator.cli import app\n"
        f"try:\n    app([*{command!r}, '--help'])\nexcept SystemExit:\n    pass\n"
        "print({'torch', 'ray', 'mlflow', 'optuna'} & set(sys.modules))"
    )

    out = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)

    assert out.stdout.strip().endswith("set()")


def test_ray_would_ship_exactly_our_packages(tmp_path: Path) -> None:
    from ray._private.runtime_env.packaging import create_package

    package = tmp_path / "package.zip"

    with shipped_code() as folder:
        create_package(str(folder), package, include_gitignore=True)

    with zipfile.ZipFile(package) as archive:
        shipped = {name for name in archive.namelist() if not name.endswith("/")}
    sources = {
        str(path.relative_to(CHECKOUT))
        for folder in SHIPPED
        for path in (CHECKOUT / folder).rglob("*")
        if path.suffix in {".py", ".txt", ".html", ".j2"}
    }
    assert shipped == sources


def test_what_git_ignores_and_hidden_files_do_not_change_what_is_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("orchestrator", "models", "losses", "data"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "code.py").touch()
        (tmp_path / name / ".env").write_text("SECRET=1")
    (tmp_path / ".gitignore").write_text("data/\nmodels/\n")
    (tmp_path / "checkpoints").mkdir()
    monkeypatch.setattr(shipping, "PACKAGE_ROOT", tmp_path)

    with shipped_code({"studies/a.yaml": tmp_path / ".gitignore"}) as folder:
        shipped = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}

    code = {f"{name}/code.py" for name in ("orchestrator", "models", "losses", "data")}
    assert shipped == code | {"studies/a.yaml"}
    assert not folder.exists()
