"""The commands `skeltune models` and `skeltune weights`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.commands.options import TrackingUri, TrainedModel

models_app = typer.Typer(
    name="models",
    no_args_is_help=True,
    help="What models there are and what they cost; trained ones between registries.",
)
weights_app = typer.Typer(
    name="weights", no_args_is_help=True, help="Weights that others published."
)

Classes = Annotated[int, typer.Option(help="number of classes")]
Skeleton = Annotated[str, typer.Option(help="ntu25, coco17, gym_released, body25 or openpose18")]
Persons = Annotated[int, typer.Option(help="person slots of a clip")]
Frames = Annotated[int, typer.Option(help="frames of a clip")]
Channels = Annotated[int, typer.Option(help="coordinates of a joint")]


@models_app.command("list")
def models_list(
    classes: Classes = 60,
    skeleton: Skeleton = "ntu25",
    persons: Persons = 2,
    frames: Frames = 64,
    channels: Channels = 3,
) -> None:
    """Every model with its parameters and multiply-accumulates; defaults are NTU RGB+D 60."""
    from orchestrator.catalogue import list_table, shape_of
    from orchestrator.view import plain_console, show_table

    shape = shape_of(skeleton, classes=classes, persons=persons, frames=frames, channels=channels)
    show_table(plain_console(), list_table(shape))


@models_app.command("describe")
def models_describe(
    name: Annotated[str, typer.Argument(help="a name of `models list`")],
    options: Annotated[list[str] | None, typer.Argument(help="key=value ...")] = None,
    classes: Classes = 60,
    skeleton: Skeleton = "ntu25",
    persons: Persons = 2,
    frames: Frames = 64,
    channels: Channels = 3,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """One model with its options: size, cost, memory, outputs, paper."""
    from orchestrator.catalogue import describe, description_table, shape_of
    from orchestrator.engine.documents import parse_overrides
    from orchestrator.view import plain_console, show_table

    shape = shape_of(skeleton, classes=classes, persons=persons, frames=frames, channels=channels)
    told = describe(name, parse_overrides(options or []), shape)
    if as_json:
        sys.stdout.write(json.dumps(told.plain(), indent=1) + "\n")
    else:
        show_table(plain_console(), description_table(told))


@models_app.command("pull")
def models_pull(
    model: TrainedModel,
    out: Annotated[Path, typer.Option("--out", help="a new folder")],
    tracking_uri: TrackingUri = None,
) -> None:
    """Fetch a trained model from a registry into a folder, checked file by file."""
    from orchestrator.artefact.files import copy_artefact
    from orchestrator.home import Home
    from orchestrator.model_sources import folder_of

    with folder_of(model, Home.find().tracking_uri(tracking_uri)) as folder:
        description = copy_artefact(folder, out)
    print(f"{description.name}: digest {description.digest}, in {out}")


@models_app.command("push")
def models_push(
    folder: Annotated[Path, typer.Argument(help="the folder of a trained model")],
    name: Annotated[str, typer.Option("--name", help="of the registered model")],
    tracking_uri: TrackingUri = None,
) -> None:
    """Register a trained model's folder as a new version, checked before and after."""
    from orchestrator.home import Home
    from orchestrator.tracking.artefacts import push_artefact

    uri = Home.find().tracking_uri(tracking_uri)
    version = push_artefact(uri, folder, name)
    print(f"models:/{name}/{version} at {uri}")


@models_app.command("export")
def models_export(
    model: TrainedModel,
    out: Annotated[Path, typer.Option("--out", help="a new file, as in model.pt2")],
    tracking_uri: TrackingUri = None,
) -> None:
    """A trained model as a program of torch.export, held to what it computes here."""
    from orchestrator.artefact.exporting import export
    from orchestrator.home import Home
    from orchestrator.model_sources import open_model

    artefact = open_model(model, Home.find().tracking_uri(tracking_uri))
    difference = export(artefact, out)
    print(f"{out}: probabilities differ by {difference:.1e} at most")


@weights_app.command("import")
def weights_import(
    name: Annotated[str, typer.Argument(help="stgcn, ctrgcn, mdrgcn, msg3d or dualhead")],
    file: Annotated[Path, typer.Argument(help="the checkpoint its authors published")],
    out: Annotated[Path, typer.Option("--out", help="where our weights go")],
    options: Annotated[list[str] | None, typer.Argument(help="key=value of the model ...")] = None,
) -> None:
    """Turn published weights into ours: sizes and classes are read off the file."""
    from orchestrator.engine.documents import parse_overrides
    from orchestrator.weights import import_weights

    model, told = import_weights(name, file, out, parse_overrides(options or []))
    num_params = sum(parameter.numel() for parameter in model.parameters())
    print(f"{name}: {num_params:,} parameters written to {out}")
    print(f"options that the file tells: {json.dumps({'name': name, **told})}")
    print(f"train on from them with `init_weights: {out.resolve()}` in a trial file, or")
    print(f"  skeltune weights evaluate {out} TRIAL.yaml --split test")


@weights_app.command("evaluate")
def weights_evaluate(
    file: Annotated[Path, typer.Argument(help="weights that were imported, or a trial's best.pt")],
    trial_file: Annotated[Path, typer.Argument(help="a trial file with their model and data")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value ...")] = None,
    split: Annotated[str, typer.Option(help="train, val or test")] = "val",
    device: str = "auto",
) -> None:
    """What weights are worth on a data set, without training."""
    from orchestrator.engine.config import load_trial
    from orchestrator.engine.documents import parse_overrides
    from orchestrator.home import Home
    from orchestrator.weights import evaluate_weights

    config = load_trial(trial_file, parse_overrides(overrides or []))
    evaluation = evaluate_weights(file, config, split, Home.find().data, device)
    for name, value in evaluation.metrics.items():
        print(f"{split}/{name:12s} {value:.4f}")
