"""A data set of the size of NTU RGB+D 60, prepared and iterated for an epoch: time and memory.

    python -m tests.benchmarks.bench_large [--clips 56578] [--workers 2] [--dtype float16]

Preparation and epoch run in a process each, so that the peak of each is its own. Counted is the
largest resident set (of the preparation: with that of its largest worker), in which pages of the
memory map that other processes could use count in full.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch

from data.batches import ClipBatches, ClipTransform
from data.preparation import prepare
from data.store import open_store
from tests.benchmarks.made_up import made_up_ntu60

NUM_CLIPS = 56_578
RECIPE = ClipTransform(clip_len=64, rotation_deg=(17.0, 17.0, 17.0))


def prepare_all(root: Path, arguments: argparse.Namespace) -> str:
    source = made_up_ntu60(arguments.clips)
    options = {"workers": arguments.workers, "dtype": arguments.dtype}
    store = prepare(source, None, root, **options)
    frames = store.frames
    return f"{len(store)} clips, {len(frames):,} frames, {frames.nbytes / 2**30:.2f} GiB on disk"


def run_epoch(root: Path, arguments: argparse.Namespace) -> str:
    torch.set_num_threads(1)
    store = open_store("ntu60", root)
    clips = np.arange(len(store))
    cpu = torch.device("cpu")
    batches = ClipBatches(
        store, clips, RECIPE, batch_size=64, device=cpu, seed=0, train=True, budget=arguments.budget
    )
    begin = time.perf_counter()
    num_clips = sum(len(batch.labels) for batch in batches.epoch(0))
    seconds = time.perf_counter() - begin
    return f"{num_clips / seconds:,.0f} clips/s in batches of 64, {RECIPE.clip_len} frames"


STEPS = {"prepared": prepare_all, "epoch": run_epoch}


def measure(step: str, root: Path, arguments: argparse.Namespace, results: Connection) -> None:
    begin = time.perf_counter()
    told = STEPS[step](root, arguments)
    seconds = time.perf_counter() - begin
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    results.send(f"{step:9} {seconds:6.0f} s, {(own + worker) / 2**20:5.2f} GiB: {told}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=NUM_CLIPS)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--dtype", choices=("float32", "float16"), default="float32")
    parser.add_argument("--budget", type=int, help="bytes of frames that may be kept")
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        for step in STEPS:
            receiving, sending = context.Pipe(duplex=False)
            values = (step, Path(folder), arguments, sending)
            process = context.Process(target=measure, args=values)
            process.start()
            print(receiving.recv(), flush=True)
            process.join()


if __name__ == "__main__":
    main()
