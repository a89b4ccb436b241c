"""Clips per second of the batched pipeline against one clip at a time, on the same data.

    python -m tests.benchmarks.bench_pipeline [--dataset nw_ucla --data-root DIR] [--device cuda]

The others are torch Datasets that do the same operations one clip at a time, in a DataLoader
without workers: once as plainly as numpy can, once with the operations of the published pipeline
where that is another. All make the same batches, which is checked first; then rounds of five
training epochs are timed in alternation and the best of each are compared. On the CPU, where one
thread works, its processor time is counted.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from data import DATASETS
from data.batches import ClipBatches, ClipTransform
from data.draws import Draws, draw, epoch_generator
from data.preparation import ensure_store
from data.store import ArrayStore
from tests.benchmarks.straightforward_clips import transform_clip_as_published
from tests.data.per_sample import transform_clip

SEED = 0
EPOCHS = 5
"""In a round."""
TRANSFORMS = {
    "crop, resize, rotate, centre (NTU recipe)": ClipTransform(
        clip_len=64, crop_min_frames=16, rotation_deg=(17.0, 17.0, 17.0)
    ),
    "crop, resize, rotate, centre, bone motion": ClipTransform(
        clip_len=64, crop_min_frames=16, rotation_deg=(17.0, 17.0, 17.0), stream="bone_motion"
    ),
    "random frames, rotate, scale, minmax (NW-UCLA recipe)": ClipTransform(
        clip_len=52,
        sampling="random_frames",
        rotation_deg=(60.0, 60.0, 0.0),
        scale=(0.5, 1.5),
        normalize="minmax",
    ),
}


class PlannedClips(Dataset):
    """The clips of one training epoch, each transformed when it is asked for."""

    def __init__(
        self, store: ArrayStore, clips: np.ndarray, transform: ClipTransform, make: Callable
    ) -> None:
        self._store, self._transform, self._make = store, transform, make
        self._frames = [store.frames[store.offsets[c] : store.offsets[c + 1]] for c in clips]
        self._frames = [np.array(frames) for frames in self._frames]
        self._labels = store.labels[clips]
        self._order = np.arange(0)
        self._draws: Draws | None = None

    def plan(self, epoch: int) -> None:
        generator = epoch_generator(SEED, epoch)
        self._order = torch.randperm(len(self._frames), generator=generator).numpy()
        self._draws = draw(
            len(self._frames), self._transform.clip_len, self._store.info.num_joints, generator
        )

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, row: int) -> tuple[np.ndarray, int]:
        place = self._order[row]
        frames, info = self._frames[place], self._store.info
        x = self._make(frames, info, self._transform, self._draws, row)
        return x, int(self._labels[place])


Side = Callable[[int], Iterable]
"""A way to the (x, labels, ...) batches of an epoch."""


def make_sides(
    store: ArrayStore, transform: ClipTransform, batch_size: int, device: torch.device
) -> dict[str, Side]:
    """Ours first."""
    clips = store.split(store.info.protocols[0], "train", "val")
    batches = ClipBatches(
        store, clips, transform, batch_size=batch_size, device=device, seed=SEED, train=True
    )

    def one_at_a_time(make: Callable) -> Side:
        planned = PlannedClips(store, clips, transform, make)

        def epoch(number: int) -> Iterable:
            planned.plan(number)
            for x, labels in DataLoader(planned, batch_size=batch_size, num_workers=0):
                yield x.to(device), labels.to(device)

        return epoch

    sides = {"batched": batches.epoch, "numpy": one_at_a_time(transform_clip)}
    if transform.sampling == "crop_resize":
        sides["published"] = one_at_a_time(transform_clip_as_published)
    return sides


def check_equal(ours: Side, theirs: Side) -> float:
    """The largest difference between the coordinates of both; raises if the batches differ."""
    largest = 0.0
    for one, other in zip(ours(0), theirs(0), strict=True):
        torch.testing.assert_close(one[0], other[0], atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(one[1], other[1])
        largest = max(largest, (one[0] - other[0]).abs().max().item())
    return largest


def measure(side: Side, device: torch.device) -> float:
    """Clips per second over a round."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    begin, num_clips = clock(), 0
    for epoch in range(EPOCHS):
        for batch in side(epoch):
            num_clips += len(batch[1])
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return num_clips / (clock() - begin)


def compare(sides: dict[str, Side], rounds: int, device: torch.device) -> dict[str, float]:
    """Most clips per second of each over alternated rounds."""
    best = dict.fromkeys(sides, 0.0)
    for _ in range(rounds):
        for name, side in sides.items():
            best[name] = max(best[name], measure(side, device))
    return best


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", choices=list(DATASETS), default="synthetic")
    parser.add_argument("--data-root", type=Path, help="folder of the prepared stores")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        root = arguments.data_root or Path(scratch)
        store = ensure_store(arguments.dataset, root)
        print(
            f"{store.info.name}, {len(store)} clips, batch {arguments.batch_size}, "
            f"{arguments.device}, one CPU thread, {arguments.rounds} rounds"
        )
        for name, transform in TRANSFORMS.items():
            sides = make_sides(store, transform, arguments.batch_size, arguments.device)
            ours, *theirs = sides.values()
            difference = max(check_equal(ours, side) for side in theirs)
            speeds = compare(sides, arguments.rounds, arguments.device)
            batched = speeds.pop("batched")
            others = ", ".join(
                f"{side} {speed:,.0f} (ratio {batched / speed:.1f})"
                for side, speed in speeds.items()
            )
            print(
                f"{name}: batched {batched:,.0f} clips/s, {others}; "
                f"batches equal to {difference:.1e}"
            )


if __name__ == "__main__":
    main()
