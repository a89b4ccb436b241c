"""What a version did on the test split, clip by clip: what the gate compares.

Shapes: S seeds, C clips, K classes.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.files import load_predictions, write_bytes
from orchestrator.fusing.fusion import Predictions
from orchestrator.stats.samples import Sample

FILE_NAME = "test_scores.npz"


@dataclass(frozen=True, eq=False)
class SplitScores:
    """`clips` (C,) are names, `labels` (C,), `scores` (S, C, K) with the members fused.

    The first seed is that of the model that is registered.
    """

    seeds: tuple[int, ...]
    clips: NDArray[np.str_]
    labels: NDArray[np.int64]
    scores: NDArray[np.float32]
    data_digest: str
    protocol: str

    @classmethod
    def of(cls, seeds: Sequence[int], fused: Sequence[Predictions]) -> SplitScores:
        first = fused[0]
        scores = np.stack([each.scores for each in fused])
        about = first.data_digest, first.protocol
        return cls(tuple(seeds), first.clips, first.labels, scores, *about)

    @property
    def hits(self) -> NDArray[np.float64]:
        """(S, C): 0 or 100."""
        hits: NDArray[np.float64] = 100.0 * (self.scores.argmax(axis=2) == self.labels)
        return hits

    @property
    def top1(self) -> float:
        """In percent, mean over seeds."""
        return float(self.hits.mean())

    @property
    def sample(self) -> Sample:
        return Sample(self.seeds, self.hits.mean(axis=1), self.hits)

    def save(self, path: Path) -> None:
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            seeds=np.array(self.seeds),
            clips=self.clips,
            labels=self.labels,
            scores=self.scores,
            data_digest=np.array(self.data_digest),
            protocol=np.array(self.protocol),
        )
        write_bytes(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> SplitScores:
        """Raises `SkelTuneError` for a file of another kind; nothing in it is executed."""
        try:
            saved = load_predictions(path)
            seeds = tuple(int(seed) for seed in saved["seeds"])
            about = str(saved["data_digest"]), str(saved["protocol"])
            tested = cls(seeds, saved["clips"], saved["labels"], saved["scores"], *about)
        except (OSError, ValueError, TypeError, KeyError, EOFError, BadZipFile) as error:
            raise SkelTuneError(f"{path} holds no scores of a test split: {error}") from None
        if tested.scores.ndim != 3 or tested.scores.shape[:2] != (len(seeds), len(tested.clips)):
            raise SkelTuneError(f"{path}: scores must be (seeds, clips, classes)")
        return tested
