"""Several processes that train one trial together, on this machine."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.distributed as dist
from torch import multiprocessing

from orchestrator.engine.config import TrialConfig
from orchestrator.engine.trial import train_epochs


def train_together(
    config: TrialConfig, out: Path, data_root: Path, stop_after: int | None = None
) -> None:
    """Every process has a folder of its own: that of the first is `out`."""
    assert config.workers is not None
    num = config.workers.num
    meeting = out.with_name(f"{out.name}_meeting")
    meeting.unlink(missing_ok=True)
    multiprocessing.spawn(
        _train, (num, meeting, config.plain(), out, data_root, stop_after), nprocs=num
    )


def _train(
    rank: int,
    num: int,
    meeting: Path,
    plain: dict[str, object],
    out: Path,
    data_root: Path,
    stop_after: int | None,
) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{meeting}", rank=rank, world_size=num)
    config = TrialConfig.model_validate(plain)
    folder = out if rank == 0 else out.with_name(f"{out.name}_{rank}")
    epochs = train_epochs(config, folder, data_root=data_root, device="cpu")
    for seen, _ in enumerate(epochs, start=1):
        if seen == stop_after:
            break
    dist.destroy_process_group()
