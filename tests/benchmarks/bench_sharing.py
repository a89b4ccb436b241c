"""Memory of several trials on one machine that train on the same data set, on the CPU.

    python -m tests.benchmarks.bench_sharing [--trials 4] [--clips 12000]

Every trial is a process that runs an epoch of batches over a store of made-up clips of the size of
NTU RGB+D's. Counted is the proportional set size (Linux, smaps_rollup), in which a page shared by n
processes counts 1/n in each, over what the same processes need for batches of 64
clips; in copies of the frames. For comparison each process makes a copy of its own.
"""

import argparse
import multiprocessing
import tempfile
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import torch

from data.batches import ClipBatches, ClipTransform
from data.preparation import prepare
from data.store import ArrayStore, open_store
from tests.benchmarks.made_up import made_up_ntu60

TRANSFORM = ClipTransform(clip_len=64, rotation_deg=(17.0, 17.0, 17.0))


def proportional_set_size() -> int:
    """Of this process, in bytes."""
    lines = Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines()
    (kilobytes,) = [line.split()[1] for line in lines if line.startswith("Pss:")]
    return int(kilobytes) * 1024


def run_epoch(store: ArrayStore, num_clips: int, repeat: int = 1) -> ClipBatches:
    clips, cpu = np.arange(num_clips), torch.device("cpu")
    options = {"batch_size": 64, "device": cpu, "seed": 0, "train": True, "repeat": repeat}
    batches = ClipBatches(store, clips, TRANSFORM, **options)
    for _ in batches.epoch(0):
        pass
    return batches


def run_trial(root: Path, private: bool, together: Barrier, results: Connection) -> None:
    torch.set_num_threads(1)
    store = open_store("ntu60", root)
    run_epoch(store, 64, repeat=8)
    together.wait()
    before = proportional_set_size()
    together.wait()
    held = np.array(store.frames) if private else run_epoch(store, len(store))
    together.wait()
    results.send(proportional_set_size() - before)
    together.wait()
    del held


def measure(root: Path, num_trials: int, *, private: bool) -> float:
    """Copies of the frames that all trials together hold."""
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(num_trials)
    receiving, sending = context.Pipe(duplex=False)
    arguments = (root, private, together, sending)
    trials = [context.Process(target=run_trial, args=arguments) for _ in range(num_trials)]
    for trial in trials:
        trial.start()
    grown = sum(receiving.recv() for _ in trials)
    for trial in trials:
        trial.join()
    return grown / open_store("ntu60", root).frames.nbytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=4)
    parser.add_argument("--clips", type=int, default=12000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        store = prepare(made_up_ntu60(arguments.clips), None, root)
        megabytes = store.frames.nbytes / 1e6
        print(f"{arguments.trials} trials, {arguments.clips} clips, {megabytes:,.0f} MB of frames")
        for name, private in (("batches from the map", False), ("private copies", True)):
            copies = measure(root, arguments.trials, private=private)
            print(f"{name}: {copies:.2f} copies of the frames")


if __name__ == "__main__":
    main()
