"""The command `skeltune predict`."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from orchestrator.commands.options import BatchSize, TrackingUri, TrainedModel

if TYPE_CHECKING:
    from orchestrator.artefact.inputs import Prediction, Refusal
    from orchestrator.artefact.predicting import Predictor

EXIT_REFUSED = 1


def predict(
    model: TrainedModel,
    inputs: Annotated[list[Path], typer.Argument(help="skeleton files, or folders of them")],
    top: Annotated[int, typer.Option(min=1, help="classes a clip")] = 5,
    form: Annotated[
        Literal["table", "json", "csv"], typer.Option("--format", help="what is written")
    ] = "table",
    option: Annotated[
        list[str] | None,
        typer.Option("--option", help="key=value of the data set's reader, as in `data prepare`"),
    ] = None,
    batch_size: BatchSize = None,
    device: str = "auto",
    tracking_uri: TrackingUri = None,
) -> None:
    """The most probable classes of skeleton files that the model's data set's reader can read."""
    from orchestrator.artefact.inputs import Refusal, find_files, predict_files
    from orchestrator.artefact.predicting import Predictor
    from orchestrator.engine.documents import parse_overrides
    from orchestrator.home import Home
    from orchestrator.model_sources import open_model

    artefact = open_model(model, Home.find().tracking_uri(tracking_uri))
    predictor = Predictor(artefact, device=device, batch_size=batch_size)
    description = artefact.description
    files = find_files(inputs, description.info, description.preparation)
    answers = list(predict_files(predictor, files, parse_overrides(option or [])))
    refused = [answer for answer in answers if isinstance(answer, Refusal)]
    found = [answer for answer in answers if not isinstance(answer, Refusal)]
    _WRITERS[form](predictor, found, refused, min(top, len(artefact.classes)))
    for name, reason in refused:
        print(f"skeltune: {reason if name in reason else f'{name}: {reason}'}", file=sys.stderr)
    if refused:
        raise typer.Exit(EXIT_REFUSED)


def _best(predictor: Predictor, answer: Prediction, top: int) -> list[tuple[str, float]]:
    order = (-answer.probabilities).argsort(kind="stable")[:top]
    classes = predictor.description.info.classes
    return [(classes[label], float(answer.probabilities[label])) for label in order]


def _write_table(
    predictor: Predictor, found: list[Prediction], refused: list[Refusal], top: int
) -> None:
    from orchestrator.reports.table import Table
    from orchestrator.view import plain_console, show_table

    rows = [
        (answer.name, *(f"{name} {100 * p:.1f} %" for name, p in _best(predictor, answer, top)))
        for answer in found
    ]
    columns = ("clip", *(str(rank) for rank in range(1, top + 1)))
    notes = (f"{len(found)} clips predicted, {len(refused)} refused.",)
    title = f"{predictor.description.name}, {predictor.description.protocol}"
    show_table(plain_console(), Table(title, columns, tuple(rows), notes))


def _write_json(
    predictor: Predictor, found: list[Prediction], refused: list[Refusal], top: int
) -> None:
    description = predictor.description
    document = {
        "model": description.name,
        "digest": description.digest,
        "predictions": [
            {
                "clip": answer.name,
                "top": [
                    {"class": name, "probability": p} for name, p in _best(predictor, answer, top)
                ],
            }
            for answer in found
        ],
        "refused": [refusal._asdict() for refusal in refused],
    }
    sys.stdout.write(json.dumps(document, indent=1) + "\n")


def _write_csv(
    predictor: Predictor, found: list[Prediction], refused: list[Refusal], top: int
) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("clip", "rank", "class", "probability"))
    for answer in found:
        for rank, (name, p) in enumerate(_best(predictor, answer, top), start=1):
            writer.writerow((answer.name, rank, name, f"{p:.6f}"))


_WRITERS = {"table": _write_table, "json": _write_json, "csv": _write_csv}
