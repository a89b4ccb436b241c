"""The workers that train one model together, each on its share of every batch.

Every worker plans the same batches and gathers what the network made of all shares, so that losses,
also those on pairs, centres and sums over the batch, are those of the whole batch. Its own rows
alone carry gradients; those of the network are summed over the workers.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.parallel import DistributedDataParallel

from data.share import Share
from losses.precision import at_least_float32
from models.interface import ModelOutput
from models.norms import CountedNorm
from orchestrator.engine.config import TrialConfig

Number = TypeVar("Number", bool, float)
StepModel = Callable[[Tensor, Tensor | None], ModelOutput]

_RANK_STRIDE = 15_485_863


@dataclass
class Team:
    """This worker's place among all; `counts` is whether it has rows of the present batch."""

    rank: int = 0
    size: int = 1
    counts: bool = True

    @classmethod
    def present(cls) -> Team:
        """Of the process group that whoever started this process has set up; else it is alone."""
        if not (dist.is_available() and dist.is_initialized()):
            return cls()
        return cls(dist.get_rank(), dist.get_world_size())

    @property
    def is_alone(self) -> bool:
        return self.size == 1

    @property
    def is_first(self) -> bool:
        """Whether this worker writes the trial's files."""
        return self.rank == 0

    @property
    def share(self) -> Share:
        return Share(self.rank, self.size)

    def require(self, config: TrialConfig) -> None:
        """Raise ValueError unless the workers are as many as the trial says."""
        wanted = 1 if config.workers is None else config.workers.num
        if wanted != self.size:
            raise ValueError(f"the trial wants workers.num = {wanted}, and {self.size} train it")

    def seed(self, seed: int) -> int:
        """Another one on each worker, so that they do not drop the same features."""
        return seed + self.rank * _RANK_STRIDE

    def spread(self, model: nn.Module, config: TrialConfig) -> StepModel:
        """The model for training steps: its gradients are those of all workers together."""
        if self.is_alone:
            return torch.compile(model) if config.compile else model
        assert config.workers is not None
        if config.workers.batch_norm == "sync":
            for norm in _norms(model):
                norm.pool = self
        together = DistributedDataParallel(model, forward_sync_buffers=False)
        together.register_comm_hook(None, lambda _, bucket: _summed(bucket.buffer()))
        return torch.compile(together) if config.compile else together

    def whole(self, output: ModelOutput, num_clips: int) -> ModelOutput:
        """What all workers made of a batch of so many clips, in order and in float32 or better."""
        if self.is_alone:
            return output
        parts = [*output.heads.values(), output.scores, output.embedding]
        sizes = self.share.sizes(num_clips)
        own = torch.cat([at_least_float32(part) for part in parts], dim=1)[: sizes[self.rank]]
        rows = torch.cat(_gather(own, sizes))
        *heads, scores, embedding = torch.split(rows, [part.shape[1] for part in parts], dim=1)
        return ModelOutput(dict(zip(output.heads, heads, strict=True)), scores, embedding)

    def enter(self, num_clips: int) -> None:
        """From now on the batch is one of so many clips, of which this worker may have none."""
        self.counts = self.share.sizes(num_clips)[self.rank] > 0

    def agree(self, parameters: Iterable[nn.Parameter]) -> None:
        """On gradients that all workers compute alike: rounding must not part them."""
        for parameter in parameters:
            if not self.is_alone and parameter.grad is not None:
                dist.all_reduce(parameter.grad)
                parameter.grad /= self.size

    def sum(self, values: Tensor) -> Tensor:
        over_workers: Callable[[Tensor], Tensor] = _Sum.apply
        return over_workers(values)

    def largest(self, value: Number) -> Number:
        """Of all workers."""
        if self.is_alone:
            return value
        found = [value] * self.size
        dist.all_gather_object(found, value)
        return max(found)

    def average_norms(self, model: nn.Module) -> None:
        """Of norms that see one worker's rows alone: running statistics become their mean."""
        for norm in _norms(model):
            if self.is_alone or norm.pool is not None:
                continue
            for values in (norm.running_mean, norm.running_var):
                assert values is not None
                dist.all_reduce(values)
                values /= self.size

    def from_first(self, state: dict[str, Any], device: torch.device) -> dict[str, Any]:
        """What the first worker has, on every worker's device: plain values and tensors."""
        if self.is_alone:
            return state
        content = [_bytes(state) if self.is_first else b""]
        dist.broadcast_object_list(content)
        found: dict[str, Any]
        found = torch.load(io.BytesIO(content[0]), map_location=device, weights_only=True)
        return found


ALONE = Team()


def _norms(model: nn.Module) -> list[CountedNorm]:
    return [module for module in model.modules() if isinstance(module, CountedNorm)]


def _bytes(state: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def _summed(gradients: Tensor) -> torch.futures.Future[Tensor]:
    """The sum over the workers, where `DistributedDataParallel` would take the mean."""
    work = dist.all_reduce(gradients, async_op=True)
    done: torch.futures.Future[Any] = work.get_future()
    return done.then(lambda found: found.value()[0])


def _gather(own: Tensor, sizes: list[int]) -> list[Tensor]:
    """The rows of each worker."""
    gather: Callable[[Tensor, list[int]], Tensor] = _Gather.apply
    return [rows[:size] for rows, size in zip(gather(own, sizes), sizes, strict=True)]


class _Gather(Function):
    """Rows (n, ...) of all workers, (workers, most rows, ...), padded with zeros.

    All workers compute the same from them, so the gradient of a worker's rows is complete.
    """

    @staticmethod
    def forward(ctx: Any, own: Tensor, sizes: list[int]) -> Tensor:
        ctx.size = len(own)
        padded = own.new_zeros(max(sizes), *own.shape[1:])
        padded[: len(own)] = own
        found = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(found, padded)
        return torch.stack(found)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return grad[dist.get_rank(), : ctx.size], None


class _Sum(Function):
    """The sum over the workers. Each goes on with it by itself, so its gradient is a sum, too."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        summed = values.clone()
        dist.all_reduce(summed)
        return summed

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        summed = grad.contiguous().clone()
        dist.all_reduce(summed)
        return (summed,)
