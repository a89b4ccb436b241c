"""The commands `skeltune cluster`: files that start one, and waiting until it is there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.commands.options import Storage, StudyFile, TrackingUri

if TYPE_CHECKING:
    from orchestrator.spec import Study

cluster_app = typer.Typer(
    name="cluster", no_args_is_help=True, help="Write what starts a cluster for a study."
)

Out = Annotated[Path, typer.Option(help="the file to write")]
Nodes = Annotated[int, typer.Option(help="with trials on them")]
Cpus = Annotated[int, typer.Option(help="of a node")]
Gpus = Annotated[int, typer.Option(help="of a node")]
Memory = Annotated[int | None, typer.Option(help="of a node, GiB")]
Setup = Annotated[list[str] | None, typer.Option(help="a line of shell to begin with; repeatable")]


@cluster_app.command()
def slurm(
    context: typer.Context,
    study_file: StudyFile,
    out: Out,
    cpus: Cpus,
    nodes: Nodes = 1,
    gpus: Gpus = 0,
    memory: Memory = None,
    time: Annotated[str | None, typer.Option(help="[days-]hours:minutes:seconds")] = None,
    partition: str | None = None,
    account: str | None = None,
    setup: Setup = None,
    storage: Storage = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """An sbatch script: a Ray cluster of its own inside the job, and the study on it."""
    from orchestrator.launching.asked import SlurmAsked, asked_of
    from orchestrator.launching.manifests import slurm_script

    asked = asked_of(SlurmAsked, _options(context))
    _write(out, study_file, lambda study: slurm_script(study, asked), f"sbatch {out}")


@cluster_app.command()
def kuberay(
    context: typer.Context,
    study_file: StudyFile,
    out: Out,
    image: Annotated[str, typer.Option(help="with SkelTune and ray[default]")],
    storage: Annotated[str, typer.Option(help="where all pods can write (URI)")],
    cpus: Cpus,
    nodes: Nodes = 1,
    gpus: Gpus = 0,
    memory: Memory = None,
    namespace: str | None = None,
    secret_env: Annotated[
        list[str] | None, typer.Option(help="VARIABLE=SECRET/KEY, such as keys of the storage")
    ] = None,
    redis: Annotated[
        str | None, typer.Option(help="host:port, so that Ray outlives its head")
    ] = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """A RayJob manifest for KubeRay."""
    from orchestrator.launching.asked import KuberayAsked, asked_of, secret_keys
    from orchestrator.launching.manifests import kuberay_manifest

    options = _options(context) | {"secrets": secret_keys(secret_env or [])}
    asked = asked_of(KuberayAsked, options)
    _write(out, study_file, lambda study: kuberay_manifest(study, asked), f"kubectl apply -f {out}")


@cluster_app.command()
def autoscaler(
    context: typer.Context,
    study_file: StudyFile,
    out: Out,
    provider: Annotated[str, typer.Option(help="aws, or machines that are there")],
    cpus: Cpus,
    nodes: Nodes = 1,
    gpus: Gpus = 0,
    host: Annotated[list[str] | None, typer.Option(help="of machines: the head first")] = None,
    ssh_user: str | None = None,
    region: str | None = None,
    instance_type: str | None = None,
    setup: Setup = None,
    storage: Storage = None,
    tracking_uri: TrackingUri = None,
) -> None:
    """A file for `ray up`: machines of a cloud, or machines that are there."""
    from orchestrator.launching.asked import AutoscalerAsked, asked_of
    from orchestrator.launching.manifests import autoscaler_file

    asked = asked_of(AutoscalerAsked, _options(context) | {"hosts": host})
    _write(out, study_file, lambda study: autoscaler_file(study, asked), f"ray up {out}")


@cluster_app.command()
def wait(
    address: Annotated[str, typer.Option(envvar="RAY_ADDRESS", help="the Ray cluster")],
    nodes: Annotated[int, typer.Option(help="that must have joined")] = 1,
    cpu: Annotated[float, typer.Option(help="that one of them must have")] = 0,
    gpu: Annotated[float, typer.Option(help="that the same one must have")] = 0,
    patience: Annotated[float, typer.Option(help="seconds")] = 600,
) -> None:
    """Wait until a cluster's nodes have joined."""
    from orchestrator.cluster.nodes import wait_for_nodes
    from orchestrator.spec import Resources

    needed = Resources.model_construct(cpu=cpu, gpu=gpu)
    found = wait_for_nodes(address, nodes, needed, patience)
    typer.echo(f"{len(found)} nodes at {address}")


def _options(context: typer.Context) -> dict[str, Any]:
    """What was said about the cluster, by the names of `launching.asked`."""
    others = {"study_file", "out", "host", "secret_env"}
    return {key: value for key, value in context.params.items() if key not in others}


def _write(out: Path, study_file: Path, rendered: Callable[[Study], str], start: str) -> None:
    from orchestrator.spec import load_study

    out.write_text(rendered(load_study(study_file)))
    typer.echo(f"{out}: start it with `{start}`")
