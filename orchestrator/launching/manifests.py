"""Files that start a cluster for one study: an sbatch script, a RayJob, a file for `ray up`."""

from __future__ import annotations

import re
import shlex
import sys
from importlib.metadata import version
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from orchestrator.engine.documents import Raw
from orchestrator.engine.errors import SkelTuneError
from orchestrator.launching.asked import (
    Asked,
    AutoscalerAsked,
    KuberayAsked,
    Provider,
    SlurmAsked,
    require_fit,
    require_provider,
)
from orchestrator.spec import Study, trial_path

_LARGEST_CONFIG_MAP = 2**20


def slurm_script(study: Study, asked: SlurmAsked) -> str:
    """Bash for `sbatch`; nodes must share the home folder and this Python."""
    require_fit(study, asked)
    programs = str(Path(sys.executable).parent)
    return _rendered("slurm.sh.j2", study, asked, programs=programs)


def kuberay_manifest(study: Study, asked: KuberayAsked) -> str:
    """A ConfigMap with the study and its trial, and the RayJob that runs it."""
    require_fit(study, asked)
    file = Path(study.source)
    trial = trial_path(file, study.spec.trial)
    texts = {"study_text": file.read_text(), "trial_text": trial.read_text()}
    if sum(map(len, texts.values())) > _LARGEST_CONFIG_MAP:
        raise SkelTuneError(f"{file} and its trial are larger than a ConfigMap may be (1 MiB)")
    place = f"trials/{study.spec.trial}.yaml" if trial.stem == study.spec.trial else ""
    where = place or f"studies/{study.spec.trial}"
    about = {"ray_version": version("ray"), "trial_path": where, "name": _dns_name(study)}
    return _rendered("rayjob.yaml.j2", study, asked, **texts, **about)


def autoscaler_file(study: Study, asked: AutoscalerAsked) -> str:
    """For `ray up`; the study itself goes there by `skeltune submit`."""
    require_provider(asked)
    require_fit(study, asked)
    given = {"RAY_AUTH_MODE": "token", **_environment(asked)}
    exports = "".join(f"export {name}={shlex.quote(value)}; " for name, value in given.items())
    capacity = f" --num-cpus={asked.cpus} --num-gpus={asked.gpus}"
    leads = asked.provider is Provider.MACHINES
    return _rendered(
        "autoscaler.yaml.j2",
        study,
        asked,
        name=_dns_name(study),
        exports=f"{exports}ulimit -n 65536; ",
        capacity=capacity,
        head_capacity=capacity if leads else " --num-cpus=0 --num-gpus=0",
    )


def _rendered(template: str, study: Study, asked: Asked, **content: object) -> str:
    environment = Environment(
        loader=PackageLoader("orchestrator.launching", "templates"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    environment.filters["quoted"] = shlex.quote
    known: Raw = {
        "study": study.spec.study,
        "study_file": str(Path(study.source).resolve()),
        "environment": _environment(asked),
        "asked": asked,
    }
    return environment.get_template(template).render(known | content)


def _environment(asked: Asked) -> dict[str, str]:
    """How the study's command learns where things lie."""
    named = {"SKELTUNE_STORAGE": asked.storage, "MLFLOW_TRACKING_URI": asked.tracking_uri}
    return {name: value for name, value in named.items() if value is not None}


def _dns_name(study: Study) -> str:
    """The study's name as Kubernetes takes names; Ray's tools take it, too."""
    plain = re.sub(r"[^a-z0-9]+", "-", study.spec.study.lower()).strip("-")
    return f"skeltune-{plain}"[:47].rstrip("-")
