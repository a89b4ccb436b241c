"""The commands `skeltune models` and `skeltune weights`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

models_app = typer.Typer(no_args_is_help=True, help="What models there are and what they cost.")
weights_app = typer.Typer(no_args_is_help=True, help="Weights that others published.")

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
