from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from data import noise
from data.batches import ClipBatches, ClipTransform
from data.noise import Granularity, Noise
from data.store import ArrayStore
from tests.data.stores import make_clip, make_pair_clip, make_store

LENGTHS = [3, 8, 1, 20, 5]


@pytest.fixture
def store(tmp_path: Path) -> ArrayStore:
    return make_store(tmp_path, [make_pair_clip(n, i, (0, 1)) for i, n in enumerate(LENGTHS)])


def losses(store: ArrayStore, share: float, granularity: str, seed: int = 0) -> np.ndarray:
    """Of all frames of the store, (F, M, V, C)."""
    drawn = Noise(store, share=share, granularity=granularity, seed=seed)
    spans = zip(store.offsets[:-1], store.offsets[1:], strict=True)
    return np.concatenate([drawn.lost(n, store.frames[a:b]) for n, (a, b) in enumerate(spans)])


def evaluated(store: ArrayStore, clips: list[int], *, test: bool = False, **options) -> np.ndarray:
    """Frames of the clips as an evaluation of 20 frames takes them: (N, T, M, V, C)."""
    transform = ClipTransform(sampling="random_frames", clip_len=20, **options)
    batches = ClipBatches(
        store,
        np.array(clips),
        transform,
        batch_size=8,
        device=torch.device("cpu"),
        seed=0,
        train=False,
        test=test,
    )
    return next(batches.epoch(0)).x.permute(0, 2, 4, 3, 1).numpy()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_exactly_the_share_of_the_present_joints_is_lost(store: ArrayStore, share: float) -> None:
    lost = losses(store, share, "joint")

    present = (store.frames != 0).any(axis=-1)
    assert lost.any(axis=-1).sum() == round(share * present.sum())
    assert (lost.all(axis=-1) == lost.any(axis=-1)).all()
    assert not lost[~present].any()


@pytest.mark.parametrize("share", [0.1, 1.0])
def test_exactly_the_share_of_the_channels_is_lost(store: ArrayStore, share: float) -> None:
    lost = losses(store, share, "scalar")

    assert lost.sum() == round(share * 3 * (store.frames != 0).any(axis=-1).sum())


def test_a_lost_frame_loses_all_present_joints(store: ArrayStore) -> None:
    lost = losses(store, 0.3, "frame")

    frames = lost.any(axis=(1, 2, 3))
    assert frames.sum() == round(0.3 * sum(LENGTHS))
    assert (lost[frames] == (store.frames[frames] != 0)).all()


def test_exactly_the_share_of_the_clips_loses_values(store: ArrayStore) -> None:
    lost = losses(store, 0.4, "sample_coord", seed=3)

    of_clips = [clip.any() for clip in np.split(lost, store.offsets[1:-1])]
    assert sum(of_clips) == 2


def test_every_joint_is_equally_likely_to_be_lost(store: ArrayStore) -> None:
    times = sum(losses(store, 0.25, "joint", seed).astype(int) for seed in range(400))

    found = times[(store.frames != 0).any(axis=-1)][:, 0] / 400
    assert abs(found.mean() - 0.25) < 0.005
    assert abs(found - 0.25).max() < 4.5 * np.sqrt(0.25 * 0.75 / 400)


@pytest.mark.parametrize("granularity", get_args(Granularity))
def test_the_seed_alone_decides_what_is_lost(store: ArrayStore, granularity: str) -> None:
    first = losses(store, 0.5, granularity, seed=1)

    assert (first == losses(store, 0.5, granularity, seed=1)).all()
    assert (first != losses(store, 0.5, granularity, seed=2)).any()


def test_a_clip_loses_the_same_with_whatever_other_clips_it_is_loaded(store: ArrayStore) -> None:
    options = {"noise": 0.3, "normalize": "none"}

    both, alone = evaluated(store, [1, 3], **options), evaluated(store, [3], **options)

    assert (both[1] == alone[0]).all()
    assert (alone[0] != evaluated(store, [3], normalize="none")[0]).any()


@pytest.mark.parametrize(
    ("split", "in_training", "in_test"),
    [("both", True, True), ("train", True, False), ("test", False, True)],
)
def test_noise_is_in_its_splits_alone(
    store: ArrayStore, split: str, in_training: bool, in_test: bool
) -> None:
    options = {"noise": 0.5, "noise_split": split, "normalize": "none"}
    clean = evaluated(store, [0, 1, 3], normalize="none")

    changed = [
        (evaluated(store, [0, 1, 3], test=test, **options) != clean).any() for test in (False, True)
    ]

    assert changed == [in_training, in_test]


@pytest.mark.parametrize("normalize", ["center", "center_frames"])
def test_centring_moves_a_lost_joint_away_but_leaves_an_absent_one(
    store: ArrayStore, normalize: str
) -> None:
    stored = store.frames[store.offsets[3] : store.offsets[4]]
    present = (stored != 0).any(axis=-1)
    lost = Noise(store, share=0.2, granularity="joint", seed=0).lost(3, stored).any(axis=-1)

    x = evaluated(store, [3], noise=0.2, normalize=normalize)[0]

    seen = np.where(lost[..., None], 0, stored)
    origins = seen[:1, :1, 1:2] if normalize == "center" else seen[:, :1, 1:2]
    expected = (seen - origins) * present[..., None]
    assert lost[:, 0, 1].any()
    assert not lost[0, 0, 1]
    np.testing.assert_allclose(x, expected, atol=1e-6)


def test_a_person_whose_values_are_all_lost_is_still_there(tmp_path: Path) -> None:
    store = make_store(tmp_path, [make_clip(4, 0), make_pair_clip(4, 1, (0, 1))])
    batches = ClipBatches(
        store,
        np.array([0, 1]),
        ClipTransform(noise=1.0),
        batch_size=2,
        device=torch.device("cpu"),
        seed=0,
        train=False,
    )

    batch = next(batches.epoch(0))

    assert batch.present is not None
    assert batch.present.tolist() == [[True, False], [True, True]]
    assert not batch.x.any()


def test_a_store_with_too_many_positions_is_refused(
    store: ArrayStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noise, "MAX_POSITIONS", 50)

    with pytest.raises(ValueError, match=r"noise_granularity scalar must have fewer than 50"):
        Noise(store, share=0.1, granularity="scalar", seed=0)
