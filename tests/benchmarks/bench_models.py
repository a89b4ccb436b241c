"""Seconds and memory of one training step of our models against their straightforward forms.

    python -m tests.benchmarks.bench_models [--model msg3d dualhead] [--clips 8] [--two-person 2]

Clips are random, of NTU's size. With `--two-person` only so many have a second body; ours is told
who is present, the straightforward form computes all. A model without such a form is measured
alone. Each side is a process of its own; the steps of both alternate. A step is forward and
backward, without the optimizer. On the CPU it has one thread and is measured in its seconds of
processor time, on CUDA in seconds of the clock. Peak is what the process needed above what it held
before the first step (on CUDA: what was allocated), kept is what the forward pass keeps for the
backward pass.
"""

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from models import MODELS
from models.interface import InputShape
from models.skeletons import SKELETONS
from tests.benchmarks.straightforward_ctrgcn import (
    straightforward_ctrgcn,
    straightforward_mdrgcn,
)
from tests.benchmarks.straightforward_g3d import StraightforwardDualHead, StraightforwardMSG3D
from tests.benchmarks.straightforward_stgcn import straightforward_stgcn

MIB = 2**20
NUM_CLASSES = 60
NUM_PERSONS = 2
STRAIGHTFORWARD: dict[str, Callable[[InputShape], nn.Module]] = {
    "stgcn": straightforward_stgcn,
    "ctrgcn": straightforward_ctrgcn,
    "mdrgcn": straightforward_mdrgcn,
    "msg3d": StraightforwardMSG3D,
    "dualhead": StraightforwardDualHead,
}


class Case(NamedTuple):
    """What is measured; every option of the command but the number of rounds."""

    model: str
    clips: int
    frames: int
    two_person: int | None
    device: str
    bf16: bool
    compile: bool


class Measured(NamedTuple):
    seconds: list[float]
    peak_mib: float
    kept_mib: float


class Step:
    """One side's model on one batch."""

    def __init__(self, case: Case, side: str) -> None:
        torch.set_num_threads(1)
        torch.manual_seed(0)
        skeleton = SKELETONS["ntu25"]
        shape = InputShape(
            NUM_CLASSES, 3, case.frames, 25, NUM_PERSONS, skeleton.edges, skeleton.centre
        )
        builder = MODELS[case.model] if side == "ours" else STRAIGHTFORWARD[case.model]
        self.case = case
        self.device = torch.device(case.device)
        self.model = builder(shape).to(self.device)
        self.parameters = {p.untyped_storage().data_ptr() for p in self.model.parameters()}
        self.inputs = self._inputs(tells_presence=side == "ours")
        if case.compile:
            self.model.compile()

    def _inputs(self, tells_presence: bool) -> tuple[Tensor, ...]:
        x = torch.randn(self.case.clips, 3, self.case.frames, 25, NUM_PERSONS)
        if self.case.two_person is None:
            return (x.to(self.device),)
        present = torch.ones(len(x), NUM_PERSONS, dtype=torch.bool)
        present[self.case.two_person :, 1:] = False
        x = (x * present[:, None, None, None]).to(self.device)
        return (x, present.to(self.device)) if tells_presence else (x,)

    def loss(self) -> Tensor:
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.case.bf16):
            out: Any = self.model(*self.inputs)
        heads = out.heads.values() if hasattr(out, "heads") else [out]
        logits = [z for head in heads for z in (head if isinstance(head, tuple) else (head,))]
        labels = torch.arange(self.case.clips, device=self.device) % NUM_CLASSES
        return sum(nn.functional.cross_entropy(z.float(), labels) for z in logits)  # type: ignore

    def seconds(self) -> float:
        self.model.zero_grad()
        begin = self._clock()
        self.loss().backward()
        return self._clock() - begin

    def kept_bytes(self) -> int:
        storages: dict[int, int] = {}

        def keep(x: Tensor) -> Tensor:
            storages[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
            return x

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
            loss = self.loss()
        loss.backward()
        return sum(size for place, size in storages.items() if place not in self.parameters)

    def _clock(self) -> float:
        if self.device.type == "cpu":
            return time.process_time()
        torch.cuda.synchronize(self.device)
        return time.perf_counter()


def serve(connection: Connection, case: Case, side: str) -> None:
    """Runs a step for every True, then tells what it cost and ends."""
    step = Step(case, side)
    before = resident_bytes("VmRSS")
    step.seconds()
    connection.send(None)
    seconds = []
    while connection.recv():
        seconds.append(step.seconds())
        connection.send(None)
    if step.device.type == "cpu":
        peak = resident_bytes("VmHWM") - before
    else:
        peak = torch.cuda.max_memory_allocated(step.device)
    kept = 0 if case.compile else step.kept_bytes()
    connection.send(Measured(seconds, peak / MIB, kept / MIB))


def resident_bytes(field: str) -> int:
    """VmRSS, the memory of this process, or VmHWM, the most it ever had."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(field))


def measure(case: Case, rounds: int) -> dict[str, Measured]:
    context = multiprocessing.get_context("spawn")
    connections = {}
    for side in ("straightforward", "ours") if case.model in STRAIGHTFORWARD else ("ours",):
        connections[side], theirs = context.Pipe()
        context.Process(target=serve, args=(theirs, case, side), daemon=True).start()
        connections[side].recv()
    for round_number in range(rounds + 1):
        for connection in connections.values():
            connection.send(round_number < rounds)
            if round_number < rounds:
                connection.recv()
    return {side: connection.recv() for side, connection in connections.items()}


def report(case: Case, measured: dict[str, Measured]) -> str:
    cells = [f"{case.model:10s}"]
    for name, of in (("min", min), ("median", statistics.median)):
        cells.append(f"{name} {_compared([of(m.seconds) for m in measured.values()], 2)} s")
    for name in ("peak_mib", "kept_mib"):
        figures = [getattr(m, name) for m in measured.values()]
        cells.append(f"{name.removesuffix('_mib')} {_compared(figures, 0)} MiB")
    return " | ".join(cells)


def _compared(figures: list[float], digits: int) -> str:
    """Both sides and their ratio, or ours alone."""
    ratio = figures[-1] / figures[0] if len(figures) == 2 and figures[0] else None
    shown = [f"{figure:7.{digits}f}" for figure in figures]
    return " ".join(
        [*[""] * (2 - len(shown)), *shown, "    -" if ratio is None else f"{ratio:5.2f}"]
    )


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--frames", type=int, default=64)
    parser.add_argument("--two-person", type=int, help="clips with two persons; default: all")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def main() -> None:
    options = vars(parse_arguments())
    names, rounds = options.pop("model"), options.pop("rounds")
    print(", ".join(f"{key}={value}" for key, value in options.items()), f"rounds={rounds}")
    print("model      | straightforward, ours, ratio of: seconds | memory")
    for name in names:
        case = Case(model=name, **options)
        print(report(case, measure(case, rounds)), flush=True)


if __name__ == "__main__":
    main()
