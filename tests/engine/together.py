"""Several processes that train one trial together, on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, multiprocessing

from data.store import open_store
from orchestrator.engine.config import TrialConfig
from orchestrator.engine.distributed import Team
from orchestrator.engine.evaluate import evaluate
from orchestrator.engine.state import build_state, eval_batches, fit_batches
from orchestrator.engine.trial import train_epochs, train_step

CPU = torch.device("cpu")
EPOCHS = 2
RATE = 0.05


class Steps(NamedTuple):
    """The losses and scores of all steps, the weights after them, and what they then predict."""

    losses: list[Tensor]
    scores: list[Tensor]
    model: dict[str, Tensor]
    embedding: dict[str, Tensor]
    predictions: Tensor


def exact_steps(config: TrialConfig, data_root: Path) -> Steps:
    """In double precision, where rounding does not hide what is wrong: all steps of two epochs."""
    team, store = Team.present(), open_store("synthetic", data_root)
    with _double_precision():
        state = build_state(config, store, CPU, team)
    fit, losses, scores = fit_batches(config, store, CPU, team), [], []
    state.model.train()
    for epoch in range(EPOCHS):
        for batch in fit.epoch(epoch):
            loss, out = train_step(state, batch._replace(x=batch.x.double()), RATE)
            losses.append(loss)
            scores.append(out)
    held_out = eval_batches(config, store, CPU, "val", team)
    predictions = evaluate(state.model.float(), held_out, state.autocast, team).scores
    embedding = {} if state.embedding is None else state.embedding.state_dict()
    return Steps(losses, scores, state.model.state_dict(), embedding, torch.from_numpy(predictions))


@contextmanager
def _double_precision() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def exact_steps_together(
    configs: Mapping[str, TrialConfig], root: Path, data_root: Path
) -> dict[str, list[Steps]]:
    """Of every configuration what each of its two workers has; all are trained in one go."""
    plain = {name: config.plain() for name, config in configs.items()}
    _spawn(_exact, root, plain, root, data_root)
    found = [torch.load(root / f"{rank}.pt", weights_only=False) for rank in range(2)]
    return {name: [Steps(*worker[name]) for worker in found] for name in configs}


def _exact(rank: int, plain: dict[str, Any], root: Path, data_root: Path) -> None:
    found = {}
    for name, config in plain.items():
        found[name] = tuple(exact_steps(TrialConfig.model_validate(config), data_root))
    torch.save(found, root / f"{rank}.pt")


def train_together(
    config: TrialConfig, out: Path, data_root: Path, stop_after: int | None = None
) -> None:
    """Two workers, each with a folder of its own: that of the first is `out`."""
    _spawn(_train, out.parent, config.plain(), out, data_root, stop_after)


def _train(
    rank: int, plain: dict[str, Any], out: Path, data_root: Path, stop_after: int | None
) -> None:
    folder = out if rank == 0 else out.with_name(f"{out.name}_{rank}")
    config = TrialConfig.model_validate(plain)
    epochs = train_epochs(config, folder, data_root=data_root, device="cpu")
    for seen, _ in enumerate(epochs, start=1):
        if seen == stop_after:
            break


def _spawn(work: Any, root: Path, *arguments: Any) -> None:
    meeting = root / "meeting"
    meeting.unlink(missing_ok=True)
    multiprocessing.spawn(_meet, (work, meeting, arguments), nprocs=2)


def _meet(rank: int, work: Any, meeting: Path, arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{meeting}", rank=rank, world_size=2)
    work(rank, *arguments)
    dist.destroy_process_group()
