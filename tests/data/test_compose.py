"""Batches of every option against the pipeline that takes one clip at a time."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from data.batches import Batch, ClipBatches, ClipTransform
from data.draws import Draws, draw, epoch_generator
from data.msg3d_preprocessing import align, select_bodies
from data.noise import Noise
from data.store import ArrayStore
from tests.data.per_sample import transform_clip
from tests.data.stores import CHAIN, make_clip, make_store

CPU = torch.device("cpu")
LIMBS = replace(
    CHAIN,
    num_joints=5,
    edges=((0, 1), (2, 1), (3, 0), (4, 2)),
    mirrored=((0, 2), (3, 4)),
    origin_joint=0,
)
SCORED = replace(LIMBS, has_score=True)
PLAIN = ClipTransform(clip_len=12, crop_min_frames=3)
TRANSFORMS = {
    "window": replace(PLAIN, sampling="window"),
    "window, centred frames": replace(PLAIN, sampling="window", normalize="center_frames"),
    "window, flipped, bone motion": replace(
        PLAIN, sampling="window", temporal_flip=0.5, stream="bone_motion"
    ),
    "uniform, minmax": replace(PLAIN, sampling="uniform", normalize="minmax"),
    "repeated, centred frames": replace(PLAIN, sampling="repeat_pad", normalize="center_frames"),
    "repeated, bones of two hops": replace(
        PLAIN, sampling="repeat_pad", stream="bone", bone_hops=2
    ),
    "mirrored": replace(PLAIN, mirror=0.5, normalize="none"),
    "mirrored, turned": replace(PLAIN, mirror=0.5, rotation_deg=(0.0, 0.0, 90.0)),
    "sheared, unit range": replace(PLAIN, shear=0.5, scale=(0.5, 2.0), normalize="minmax"),
    "flipped": replace(PLAIN, temporal_flip=0.5, stream="joint_motion"),
    "joints dropped": replace(PLAIN, joint_drop=0.3, stream="bone"),
    "moved": replace(PLAIN, random_move=True),
    "moved, centred frames": replace(PLAIN, random_move=True, normalize="center_frames"),
    "moved, window": replace(PLAIN, random_move=True, sampling="window"),
    "noise": replace(PLAIN, noise=0.2, noise_granularity="joint"),
    "noise of coordinates, unit range": replace(
        PLAIN, noise=0.2, noise_granularity="scalar", normalize="minmax", mirror=1.0
    ),
    "noise of frames": replace(
        PLAIN, noise=0.3, noise_granularity="frame", normalize="center_frames"
    ),
    "everything": ClipTransform(
        clip_len=12,
        crop_min_frames=3,
        stream="bone_motion",
        bone_hops=2,
        rotation_deg=(0.0, 0.0, 60.0),
        scale=(0.5, 1.5),
        shear=0.3,
        mirror=0.5,
        temporal_flip=0.5,
        joint_drop=0.2,
        random_move=True,
        noise=0.1,
    ),
}


def make_limbs(length: int, number: int) -> np.ndarray:
    """Two persons of five joints: a gap, a joint missing at times, a second body that ends."""
    rng = np.random.default_rng((length, number))
    skeleton = rng.normal(size=(length, 2, 5, 3)).astype(np.float32) + 1.0
    skeleton[length // 2 :, 1] = 0.0
    skeleton[::4, 0, 3] = 0.0
    skeleton[1:2] = 0.0
    if number % 3 == 0:
        skeleton[:, 1] = 0.0
    return skeleton


@pytest.fixture(scope="module", params=[LIMBS, SCORED], ids=["coordinates", "scored"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ArrayStore:
    lengths = [5, 1, 12, 29, 17, 2, 40]
    clips = [make_clip(n, i, skeleton=make_limbs(n, i)) for i, n in enumerate(lengths)]
    return make_store(tmp_path_factory.mktemp("limbs"), clips, request.param)


@pytest.fixture(scope="module")
def complete_store(tmp_path_factory: pytest.TempPathFactory) -> ArrayStore:
    """Nothing is ever absent."""
    rng = np.random.default_rng(0)
    lengths = [5, 1, 12, 29, 17, 2, 40]
    skeletons = [rng.uniform(1, 2, size=(n, 2, 5, 3)).astype(np.float32) for n in lengths]
    clips = [make_clip(len(x), i, skeleton=x) for i, x in enumerate(skeletons)]
    return make_store(tmp_path_factory.mktemp("complete"), clips, LIMBS)


def make_batches(store: ArrayStore, transform: ClipTransform, **changes: object) -> ClipBatches:
    options = {"batch_size": 3, "device": CPU, "seed": 4, "train": True}
    return ClipBatches(store, np.array([0, 1, 3, 4, 5, 6]), transform, **(options | changes))


def joined(batches: ClipBatches, epoch: int = 0) -> Batch:
    columns = zip(*batches.epoch(epoch), strict=True)
    return Batch(*(None if parts[0] is None else torch.cat(parts) for parts in columns))


def expected_clip(
    store: ArrayStore, clip: int, transform: ClipTransform, draws: Draws | None, row: int
) -> np.ndarray:
    frames = store.frames[store.offsets[clip] : store.offsets[clip + 1]]
    options = {"granularity": transform.noise_granularity, "seed": transform.noise_seed}
    lost = Noise(store, share=transform.noise, **options).lost(clip, frames)
    return transform_clip(frames, store.info, transform, draws, row, lost)


def assert_training_equals_the_per_sample_pipeline(
    store: ArrayStore, transform: ClipTransform
) -> None:
    generator = epoch_generator(4, 1)
    torch.randperm(12, generator=generator)
    draws = draw(12, 12, 5, generator)

    found = joined(make_batches(store, transform, repeat=2), epoch=1)

    for row, clip in enumerate(found.clips.tolist()):
        expected = expected_clip(store, clip, transform, draws, row)
        np.testing.assert_allclose(found.x[row], expected, atol=2e-5)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_training_batches_equal_the_per_sample_pipeline(store: ArrayStore, name: str) -> None:
    assert_training_equals_the_per_sample_pipeline(store, TRANSFORMS[name])


@pytest.mark.parametrize("name", TRANSFORMS)
def test_so_do_batches_of_a_store_in_which_nothing_is_absent(
    complete_store: ArrayStore, name: str
) -> None:
    assert joined(make_batches(complete_store, TRANSFORMS[name])).present is None
    assert_training_equals_the_per_sample_pipeline(complete_store, TRANSFORMS[name])


@pytest.mark.parametrize("name", TRANSFORMS)
def test_evaluation_batches_equal_the_per_sample_pipeline(store: ArrayStore, name: str) -> None:
    found = joined(make_batches(store, TRANSFORMS[name], train=False))

    for row, clip in enumerate(found.clips.tolist()):
        expected = expected_clip(store, clip, TRANSFORMS[name], None, row)
        np.testing.assert_allclose(found.x[row], expected, atol=2e-5)


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("train", [True, False])
def test_streamed_batches_are_bit_equal_to_kept_ones(
    store: ArrayStore, name: str, train: bool
) -> None:
    kept = make_batches(store, TRANSFORMS[name], train=train)
    streamed = make_batches(store, TRANSFORMS[name], train=train, budget=0)

    for one, other in zip(kept.epoch(3), streamed.epoch(3), strict=True):
        assert torch.equal(one.x, other.x)
        assert torch.equal(one.labels, other.labels)
        assert torch.equal(one.clips, other.clips)


@pytest.mark.parametrize("name", ["everything", "moved", "window, centred frames", "mirrored"])
def test_an_absent_person_stays_exactly_zero(store: ArrayStore, name: str) -> None:
    batch = joined(make_batches(store, TRANSFORMS[name]))

    assert batch.present is not None
    assert not batch.present.all()
    assert not batch.x.permute(0, 4, 1, 2, 3)[~batch.present].any()


@pytest.mark.parametrize("normalize", ["center", "center_frames", "minmax", "none"])
def test_padding_frames_are_zero(store: ArrayStore, normalize: str) -> None:
    transform = replace(PLAIN, sampling="window", normalize=normalize, random_move=True)

    x = joined(make_batches(store, transform, train=False)).x

    assert not x[0, :, 5:].any()
    assert not x[1, :, 1:].any()


def test_an_option_leaves_the_draws_of_the_others_as_they_are(store: ArrayStore) -> None:
    turned = replace(PLAIN, rotation_deg=(0.0, 0.0, 60.0), scale=(0.5, 1.5))
    dropping = replace(turned, joint_drop=0.3, noise_seed=7)

    plain, dropped = joined(make_batches(store, turned)), joined(make_batches(store, dropping))

    assert torch.equal(plain.clips, dropped.clips)
    differs = plain.x != dropped.x
    assert differs.any()
    assert not dropped.x[differs].any()


def test_an_epoch_that_is_left_early_can_be_begun_again(store: ArrayStore) -> None:
    batches = make_batches(store, PLAIN, budget=0)
    whole = list(batches.epoch(0))

    next(batches.epoch(0))

    again = list(batches.epoch(0))
    pairs = zip(whole, again, strict=True)
    assert all(torch.equal(one.x, other.x) for one, other in pairs)


def test_half_precision_stores_give_float32_batches(store: ArrayStore) -> None:
    halved = replace(store, frames=np.asarray(store.frames).astype(np.float16))

    x = joined(make_batches(halved, PLAIN)).x

    assert x.dtype == torch.float32
    torch.testing.assert_close(x, joined(make_batches(store, PLAIN)).x, atol=5e-3, rtol=0)


def test_the_memory_map_is_not_copied(store: ArrayStore) -> None:
    batches = make_batches(store, PLAIN)

    assert np.shares_memory(batches._source._bodies, store.frames)


def test_ms_g3d_inputs_come_out_as_its_preprocessing_makes_them(tmp_path: Path) -> None:
    bodies = np.random.default_rng(0).normal(size=(40, 2, 25, 3)) * np.array([2, 1])[:, None, None]
    bodies[:3, 1] = bodies[20:, 1] = bodies[10, 0] = 0.0
    info = replace(CHAIN, num_joints=25, edges=tuple((v, v - 1) for v in range(1, 25)), centre=0)
    stored = align(select_bodies(bodies, num_persons=2)).astype(np.float32)
    store = make_store(tmp_path, [make_clip(40, 0, skeleton=stored)], info)
    transform = ClipTransform(clip_len=300, sampling="repeat_pad", normalize="center_frames")

    batches = ClipBatches(
        store, np.array([0]), transform, batch_size=1, device=CPU, seed=0, train=False
    )

    expected = published_order(bodies)
    np.testing.assert_allclose(
        joined(batches).x[0], expected.transpose(3, 0, 2, 1), atol=1e-5, rtol=1e-5
    )


def published_order(bodies: np.ndarray) -> np.ndarray:
    """Pad, centre every frame, then turn: (T, 2, V, 3) to (300, 2, V, 3)."""
    selected = select_bodies(bodies, num_persons=2)
    padded = np.zeros((300, *selected.shape[1:]))
    for person in range(2):
        there = np.flatnonzero(selected[:, person].any(axis=(1, 2)))
        period = there[-1] + 1
        for begin, end in pairwise([*range(0, 300, period), 300]):
            padded[begin:end, person] = selected[: end - begin, person]
    centred = np.where(padded.any(axis=-1, keepdims=True), padded - padded[:, :1, 1:2], 0.0)
    return align(centred)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("budget", [None, 0])
def test_a_cuda_device_gives_the_same_batches(
    store: ArrayStore, name: str, budget: int | None
) -> None:
    on_cpu = joined(make_batches(store, TRANSFORMS[name]))
    cuda = torch.device("cuda")

    on_cuda = joined(make_batches(store, TRANSFORMS[name], device=cuda, budget=budget))

    assert on_cuda.x.device.type == "cuda"
    assert torch.equal(on_cpu.clips, on_cuda.clips.cpu())
    torch.testing.assert_close(on_cpu.x, on_cuda.x.cpu())
