"""The sbatch script, run: its two nodes are two Ray nodes on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.conftest import CHECKOUT, Bench

pytestmark = pytest.mark.slow

# Starts the command as often as there are tasks, and hands on the signal that ends it.
SRUN = r"""#!/usr/bin/env bash
echo "srun $*" >>"$SRUN_LOG"
tasks=1
while [[ $1 == --* ]]; do
  case $1 in --ntasks=*) tasks=${1#*=} ;; esac
  shift
done
pids=()
for ((task = 0; task < tasks; task++)); do "$@" & pids+=("$!"); done
trap 'kill "${pids[@]}"' TERM
wait "${pids[@]}"
code=$?
wait
exit "$code"
"""
SCONTROL = "#!/usr/bin/env bash\nprintf '%s\\n' node1 node2\n"


@pytest.fixture
def job(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The script of a tiny study, with Slurm's commands as above on the path."""
    programs = bench.root / "slurm"
    programs.mkdir()
    for name, text in {"srun": SRUN, "scontrol": SCONTROL}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(bench.root))
    monkeypatch.setenv("SKELTUNE_HOME", str(bench.home))
    monkeypatch.setenv("SRUN_LOG", str(bench.root / "srun.log"))
    monkeypatch.setenv("SLURM_JOB_ID", f"t{os.getpid()}")
    monkeypatch.setenv("SLURM_JOB_NODELIST", "node[1-2]")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    script = bench.root / "job.sh"
    study = bench.root / "studies/tiny.yaml"
    bench.skeltune("cluster", "slurm", study, "--out", script, "--nodes", 2, "--cpus", 1)
    return script


def start(script: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["bash", str(script)],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_a_job_on_two_nodes_runs_a_study_and_leaves_nothing_behind(bench: Bench, job: Path) -> None:
    process = start(job)
    token = bench.root / f".skeltune/jobs/t{os.getpid()}/token"
    bench.wait_for(process, token.exists)
    mode = token.stat().st_mode & 0o777
    told, _ = process.communicate(timeout=240)

    assert process.returncode == 0, told
    assert "2 nodes at" in told
    assert mode == 0o600
    assert [run.info.status for run in bench.runs()] == ["FINISHED"] * 5
    assert not token.parent.exists()
    assert not Path(f"/tmp/skeltune-t{os.getpid()}").exists()


def test_a_job_near_its_time_limit_stops_its_study_cleanly(bench: Bench, job: Path) -> None:
    bench.write_trial(epochs=40)
    process = start(job)
    bench.wait_for(process, lambda: bench.count("epoch") > 0)

    process.send_signal(signal.SIGTERM)
    told, _ = process.communicate(timeout=120)

    assert process.returncode == 130, told
    assert "carry on with" in told
    states = {event["state"] for event in bench.events() if event["event"] == "ended"}
    assert states == {"interrupted"}
