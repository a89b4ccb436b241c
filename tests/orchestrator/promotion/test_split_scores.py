from __future__ import annotations

import numpy as np
import pytest

from orchestrator.engine.errors import SkelTuneError
from orchestrator.promotion.split_scores import SplitScores
from tests.orchestrator.promotion.made_up import hitting


def test_what_was_saved_is_what_is_loaded(tmp_path):
    known = hitting(90, 80)
    known.save(tmp_path / "scores.npz")

    found = SplitScores.load(tmp_path / "scores.npz")

    assert (found.seeds, found.top1, found.data_digest) == ((0, 1), 85.0, "digest")
    assert np.array_equal(found.scores, known.scores)
    assert np.array_equal(found.clips, known.clips)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nothing", b"\x80\x04]."])
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    (tmp_path / "scores.npz").write_bytes(content)

    with pytest.raises(SkelTuneError, match="no scores of a test split"):
        SplitScores.load(tmp_path / "scores.npz")


def test_scores_of_other_shapes_are_refused(tmp_path):
    hitting(90, scores=np.zeros((2, 100, 4), np.float32)).save(tmp_path / "scores.npz")

    with pytest.raises(SkelTuneError, match="must be"):
        SplitScores.load(tmp_path / "scores.npz")
