"""Test splits on which nobody was tested."""

from __future__ import annotations

from typing import Any

import numpy as np

from orchestrator.promotion.split_scores import SplitScores

NUM_CLASSES = 4


def hitting(*right: int, num_clips: int = 100, first_seed: int = 0, **changes: Any) -> SplitScores:
    """Of each seed how many of the clips are right, the first ones."""
    labels = np.arange(num_clips) % NUM_CLASSES
    wrong = (labels + 1) % NUM_CLASSES
    chosen = [np.where(np.arange(num_clips) < number, labels, wrong) for number in right]
    content = {
        "seeds": tuple(range(first_seed, first_seed + len(right))),
        "clips": np.array([f"clip{number}" for number in range(num_clips)]),
        "labels": labels,
        "scores": np.eye(NUM_CLASSES, dtype=np.float32)[np.stack(chosen)],
        "data_digest": "digest",
        "protocol": "xsub",
    }
    return SplitScores(**content | changes)
