"""The command `skeltune evaluate`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from orchestrator.commands.options import BatchSize, TrackingUri, TrainedModel

if TYPE_CHECKING:
    from data.store import ArrayStore
    from orchestrator.artefact.description import Description
    from orchestrator.artefact.figures import Figure, Figures
    from orchestrator.promotion.looks import Look


def evaluate(
    model: TrainedModel,
    data: Annotated[str | None, typer.Option(help="a prepared data set; default: its own")] = None,
    protocol: Annotated[str | None, typer.Option(help="default: its own")] = None,
    split: Annotated[Literal["val", "test"], typer.Option(help="which clips")] = "test",
    per_class: Annotated[bool, typer.Option("--per-class", help="top-1 of each class")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
    batch_size: BatchSize = None,
    device: str = "auto",
    tracking_uri: TrackingUri = None,
) -> None:
    """What a trained model is worth on prepared data, with intervals over the clips."""
    from data.preparation import ensure_store
    from orchestrator.artefact.figures import measure
    from orchestrator.artefact.predicting import Predictor, require_same_form
    from orchestrator.home import Home
    from orchestrator.model_sources import open_model
    from orchestrator.promotion.looks import Ledger

    home = Home.find()
    artefact = open_model(model, home.tracking_uri(tracking_uri))
    description = artefact.description
    store = ensure_store(data or description.preparation.store, home.data)
    protocol = protocol or description.protocol
    require_same_form(description.info, store)
    ledger = Ledger.of(home, store.digest, protocol)
    look = ledger.ask(description.name, ()) if split == "test" else None
    if look is not None:
        on_test_look(look, store, protocol)
    predictor = Predictor(artefact, device=device, batch_size=batch_size)
    clips, probabilities = predictor.predict_split(store, protocol, split)
    figures = measure(store.labels[clips], probabilities)
    if look is not None:
        ledger.tell(look, figures.top1.value)
    remark = _remark(description, store, protocol, split)
    if as_json:
        _write_json(description, figures, f"{store.name}, {protocol}, {split}", remark)
    else:
        _show(description, figures, f"{store.name}, {protocol}, {split}", remark, per_class)


def on_test_look(look: Look, store: ArrayStore, protocol: str) -> None:
    """Whoever evaluates on test is told what that means."""
    print(
        f"skeltune: {look.model}: {look.told()} ({store.name}, {protocol}); "
        "a choice made by this figure is no longer tested by it",
        file=sys.stderr,
    )


def _remark(description: Description, store: ArrayStore, protocol: str, split: str) -> str:
    """What has to be known about the figures."""
    if store.digest != description.preparation.data_digest or protocol != description.protocol:
        return "Other data than the model was trained for."
    if any(split in member.config.fit_splits for member in description.members):
        return f"The model was fitted on {split}: these figures tell what it remembers."
    return "Clips that the model was not fitted on."


def _write_json(description: Description, figures: Figures, where: str, remark: str) -> None:
    from dataclasses import asdict

    named = dict(zip(description.info.classes, figures.per_class, strict=True))
    told = {"model": description.name, "digest": description.digest, "on": where, "remark": remark}
    sys.stdout.write(json.dumps(told | asdict(figures) | {"per_class": named}, indent=1) + "\n")


def _show(
    description: Description, figures: Figures, where: str, remark: str, per_class: bool
) -> None:
    from orchestrator.reports.table import Table
    from orchestrator.view import plain_console, show_table

    named = {
        "top-1": figures.top1,
        "top-5": figures.top5,
        "mean class": figures.mean_class,
        "loss": figures.loss,
    }
    rows = [(name, *_cells(figure)) for name, figure in named.items()]
    if per_class:
        shares = zip(description.info.classes, figures.per_class, strict=True)
        rows += [(name, "" if s is None else f"{s:.2f}", "") for name, s in shares]
    notes = (f"{figures.num_clips} clips, 95 % intervals over clips of one model. {remark}",)
    columns = ("", where, "interval")
    show_table(plain_console(), Table(description.name, columns, tuple(rows), notes))


def _cells(figure: Figure) -> tuple[str, str]:
    return f"{figure.value:.2f}", f"{figure.low:.2f} to {figure.high:.2f}"
