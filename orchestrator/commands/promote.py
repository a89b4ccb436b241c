"""The command `skeltune promote`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from orchestrator.commands.options import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_NOT_BETTER,
    Address,
    Cpu,
    Gpu,
    NumCpus,
    Storage,
    StudyName,
    TrackingUri,
    command_name,
    find_home,
    services_of,
    study_name,
    with_resources,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from orchestrator.promote import Promotion
    from orchestrator.promotion.finishing import Promoted
    from orchestrator.spec import Study

HELP = f"""Choose a study's best, train it finally, test it once, register it, and ask the gate.

Exit codes: 0 it is the champion now, {EXIT_NOT_BETTER} it is registered as a candidate and the
champion stays, {EXIT_FAILED} a training failed, {EXIT_INTERRUPTED} stopped; again: goes on.
"""


def promote(
    study: StudyName,
    variant: Annotated[str | None, typer.Option(help="this one, whatever the figures")] = None,
    trial: Annotated[str | None, typer.Option(help="the configuration of this trial")] = None,
    by: Annotated[
        Literal["lower_bound", "mean"], typer.Option(help="of the objective over seeds")
    ] = "lower_bound",
    replicate: Annotated[
        int, typer.Option(min=0, help="of a search, how many of the best get fresh seeds; 0: none")
    ] = 3,
    seeds: Annotated[int, typer.Option(min=1, help="of a replica, and of the final training")] = 3,
    weights: Annotated[
        list[str] | None,
        typer.Option(help="of several objectives: val/top1=2, once for each"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only show the choice")] = False,
    min_gain: Annotated[
        float | None,
        typer.Option(help="points of test top-1 that are enough, instead of an interval above 0"),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="champion whatever the gate says; that is recorded")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="that train one model together, by Ray Train")
    ] = None,
    address: Address = None,
    tracking_uri: TrackingUri = None,
    cpu: Cpu = None,
    gpu: Gpu = None,
    num_cpus: NumCpus = None,
    storage: Storage = None,
) -> None:
    from orchestrator.choice import By
    from orchestrator.engine.config import Workers
    from orchestrator.promote import preview
    from orchestrator.promote import promote as promote_best
    from orchestrator.promotion.choosing import Wish, choice_table
    from orchestrator.promotion.passing import Rule
    from orchestrator.stored import stored_study
    from orchestrator.view import show_table

    stored = stored_study(find_home(storage), study_name(study))
    stored = with_resources(stored, cpu, gpu)
    services = services_of(stored.spec.objective, address, tracking_uri, num_cpus, storage)
    wish = Wish(By(by), variant, trial, _weights(weights or []), replicate, seeds)
    console = services.view.console
    if dry_run:
        show_table(console, choice_table(preview(stored, services, wish)))
        return
    together = None if workers is None else Workers.model_validate({"num": workers})
    done = promote_best(stored, services, wish, Rule(min_gain, force), together)
    if done.model is None:
        raise typer.Exit(_unfinished(console, done, study))
    _tell(console, stored, done, done.model)
    if done.model.decision.verdict.is_refusal:
        raise typer.Exit(EXIT_NOT_BETTER)


promote.__doc__ = HELP


def _weights(given: Sequence[str]) -> dict[str, float]:
    """`name=number`, each."""
    found: dict[str, float] = {}
    for text in given:
        name, _, number = text.partition("=")
        try:
            found[name] = float(number)
        except ValueError:
            raise ValueError(f"--weights must be NAME=NUMBER, got {text!r}") from None
    return found


def _unfinished(console: Console, done: Promotion, study: str) -> int:
    """The exit code."""
    failed = [record for record in done.records if record.state.is_failure]
    for record in failed:
        reason = (record.error or "").strip().splitlines()[-1:]
        told = f"{record.plan.name}  {record.state}: {' '.join(reason)}"
        console.print(told, highlight=False, markup=False, soft_wrap=True)
    console.print(f"carry on with: {command_name()} promote {study}", highlight=False)
    return EXIT_FAILED if failed else EXIT_INTERRUPTED


def _tell(console: Console, stored: Study, done: Promotion, model: Promoted) -> None:
    from orchestrator.promotion.card import accuracy

    found, decision = accuracy(model.tested), model.decision
    epochs = len(done.records[0].epochs)
    seconds = sum(record.seconds for record in done.records)
    is_fair = stored.baseline.select_on == "val"
    remark = "" if is_fair else "; the study selected on test: not a held-out figure"
    trainings = "1 training" if len(done.records) == 1 else f"{len(done.records)} trainings"
    lines = {
        "final": f"{trainings} on train + val, {epochs} epochs, {seconds:.0f} s",
        "test": f"top-1 {found.top1:.2f} [{found.low:.2f}, {found.high:.2f}] over {found.over}",
        "look": f"{model.look.told()}{remark}",
        "registered": f"{model.name} version {model.version}",
        "gate": f"{decision.verdict}: {decision.reason}",
    }
    if decision.champion is not None and model.against != model.version:
        against = (
            f"{decision.candidate:.2f} against {decision.champion:.2f} of version {model.against}"
        )
        lines["compared"] = f"{against}{'' if decision.gain is None else f', {decision.gain}'}"
    is_candidate = decision.verdict.is_refusal
    lines["candidate" if is_candidate else "champion"] = (
        f"models:/{model.name}@{'candidate' if is_candidate else 'champion'}"
    )
    text = "\n".join(f"{key:11s} {value}" for key, value in lines.items())
    console.print(text, highlight=False, markup=False, soft_wrap=True)
