"""What is written, read by its own validators."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

from orchestrator.launching.asked import (
    Asked,
    AutoscalerAsked,
    KuberayAsked,
    SecretKey,
    SlurmAsked,
)
from orchestrator.launching.manifests import autoscaler_file, kuberay_manifest, slurm_script
from orchestrator.spec import Study, load_study

SCHEMA = Path(__file__).with_name("rayjob.schema.json")
SHELLCHECK = shutil.which("shellcheck", path=str(Path(sys.executable).parent))
WHOLE = {"cpus": 8, "gpus": 4, "memory": 64}
BATCH_JOBS = [
    SlurmAsked(cpus=2, gpus=2),
    SlurmAsked(
        **WHOLE,
        nodes=3,
        time="2-12:00:00",
        partition="gpu",
        account="vision",
        setup=["module load cuda"],
        storage="s3://bucket/it's here",
        tracking_uri="https://mlflow.example.org",
    ),
]
RAY_CLUSTERS = [
    AutoscalerAsked(**WHOLE, nodes=2, provider="machines", hosts=["one", "two"], setup=["a 'b'"]),
    AutoscalerAsked(
        **WHOLE, nodes=4, provider="aws", region="eu-west-1", instance_type="g5.12xlarge"
    ),
]
RAY_JOBS = [
    KuberayAsked(cpus=2, gpus=2, image="me/skeltune:1", storage="s3://bucket/path"),
    KuberayAsked(
        **WHOLE,
        nodes=3,
        image="me/skeltune:1",
        storage="s3://bucket/path",
        redis="redis:6379",
        secrets=[SecretKey(variable="AWS_SECRET_ACCESS_KEY", secret="store", key="secret")],
    ),
]


def kinds(asked: Asked) -> str:
    return f"{asked.nodes} nodes"


def documents(study: Study, asked: KuberayAsked) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(kuberay_manifest(study, asked)))


@pytest.mark.parametrize("asked", BATCH_JOBS, ids=kinds)
def test_a_script_is_bash_and_shellcheck_finds_nothing(
    study: Study, asked: SlurmAsked, tmp_path: Path
):
    script = tmp_path / "job.sh"
    script.write_text(slurm_script(study, asked))

    subprocess.run(["bash", "-n", script], check=True)
    assert SHELLCHECK is not None
    found = subprocess.run([SHELLCHECK, script], capture_output=True, text=True, check=False)
    assert found.stdout == ""


def test_a_script_asks_slurm_for_what_was_asked(study: Study):
    asked = re.findall(r"^#SBATCH --(\S+)$", slurm_script(study, BATCH_JOBS[1]), re.MULTILINE)

    assert {"nodes=3", "cpus-per-task=8", "gpus-per-node=4", "mem=64G", "partition=gpu"} < {*asked}
    assert {"account=vision", "time=2-12:00:00", "requeue", "signal=B:TERM@120"} < {*asked}


def test_a_script_quotes_what_a_shell_would_read(study: Study):
    script = slurm_script(study, BATCH_JOBS[1])

    assert """export SKELTUNE_STORAGE='s3://bucket/it'"'"'s here'""" in script
    assert """studies/it'"'"'s.yaml' --address""" in script


@pytest.mark.parametrize("asked", RAY_JOBS, ids=kinds)
def test_a_manifest_fits_the_schema_of_what_it_uses_of_a_rayjob(study: Study, asked: KuberayAsked):
    config_map, job = documents(study, asked)

    jsonschema.validate(job, json.loads(SCHEMA.read_text()))
    assert config_map["kind"] == "ConfigMap"
    assert config_map["metadata"] == job["metadata"]


def test_the_schema_refuses_a_field_that_kuberay_does_not_know(study: Study):
    job = documents(study, RAY_JOBS[0])[1]
    job["spec"]["backofLimit"] = 1

    with pytest.raises(jsonschema.ValidationError, match="backofLimit"):
        jsonschema.validate(job, json.loads(SCHEMA.read_text()))


def test_a_pod_sees_the_study_and_its_trial_as_they_are_here(study: Study, tmp_path: Path):
    config_map, job = documents(study, RAY_JOBS[0])
    pod = job["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]
    for item in pod["volumes"][0]["configMap"]["items"]:
        file = tmp_path / "mounted" / item["path"]
        file.parent.mkdir(parents=True)
        file.write_text(config_map["data"][item["key"]])

    seen = load_study(tmp_path / "mounted/studies/Wide_or.narrow.yaml")

    assert (seen.spec, seen.baseline) == (study.spec, study.baseline)


def test_a_job_outlives_its_head_and_takes_its_secrets_by_name(study: Study):
    spec = documents(study, RAY_JOBS[1])[1]["spec"]
    head = spec["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["containers"][0]
    reference = {"secretKeyRef": {"name": "store", "key": "secret"}}

    assert spec["backoffLimit"] == 10
    assert spec["shutdownAfterJobFinishes"]
    assert spec["rayClusterSpec"]["authOptions"] == {"mode": "token"}
    assert {"name": "AWS_SECRET_ACCESS_KEY", "valueFrom": reference} in head["env"]
    assert spec["entrypoint"].endswith("run /skeltune/studies/Wide_or.narrow.yaml --address auto")


@pytest.mark.parametrize("asked", RAY_CLUSTERS, ids=kinds)
def test_ray_takes_the_file_for_its_autoscaler(study: Study, asked: AutoscalerAsked):
    config = yaml.safe_load(autoscaler_file(study, asked))

    validate_config(prepare_config(config))

    starts = config["head_start_ray_commands"][1], config["worker_start_ray_commands"][1]
    assert all("RAY_AUTH_MODE=token" in command for command in starts)
    assert "--num-gpus=4" in starts[1]
