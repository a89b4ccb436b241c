from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from data.batches import Batch, ClipBatches, ClipTransform
from data.draws import draw, epoch_generator
from data.store import ArrayStore
from tests.data.per_sample import transform_clip
from tests.data.stores import CHAIN, make_clip, make_pair_clip, make_store

CPU = torch.device("cpu")
STREAMS = ("joint", "bone", "joint_motion", "bone_motion")
NORMALIZATIONS = ("center", "center_frames", "minmax", "none")
PERSONS = [(0,), (0, 1), (1,), (0, 1), (0,)]
AUGMENTED = ClipTransform(
    clip_len=12, crop_min_frames=2, rotation_deg=(60.0, 40.0, 20.0), scale=(0.5, 1.5), eval_crop=0.8
)


@pytest.fixture
def store(tmp_path: Path) -> ArrayStore:
    lengths = [1, 2, 9, 30, 17, 1, 24]
    return make_store(tmp_path, [make_clip(length, n) for n, length in enumerate(lengths)])


def make_batches(store: ArrayStore, transform: ClipTransform, **changes: object) -> ClipBatches:
    options = {"batch_size": 3, "device": CPU, "seed": 4, "train": True}
    clips = np.array([0, 1, 3, 4, 5, 6])
    return ClipBatches(store, clips, transform, **(options | changes))


def joined(batches: ClipBatches, epoch: int = 0) -> Batch:
    columns = zip(*batches.epoch(epoch), strict=True)
    return Batch(*(None if parts[0] is None else torch.cat(parts) for parts in columns))


def clip_frames(store: ArrayStore, clip: int) -> np.ndarray:
    return store.frames[store.offsets[clip] : store.offsets[clip + 1]]


@pytest.mark.parametrize("sampling", ["crop_resize", "random_frames"])
@pytest.mark.parametrize("normalize", NORMALIZATIONS)
@pytest.mark.parametrize("stream", ["joint", "bone_motion"])
def test_training_batches_equal_the_per_sample_pipeline(
    store: ArrayStore, sampling: str, normalize: str, stream: str
) -> None:
    transform = replace(AUGMENTED, sampling=sampling, normalize=normalize, stream=stream)
    generator = epoch_generator(4, 2)
    torch.randperm(12, generator=generator)
    draws = draw(12, 12, CHAIN.num_joints, generator)

    found = joined(make_batches(store, transform, repeat=2), epoch=2)

    for row, clip in enumerate(found.clips.tolist()):
        expected = transform_clip(clip_frames(store, clip), store.info, transform, draws, row)
        np.testing.assert_allclose(found.x[row], expected, atol=2e-5)


@pytest.mark.parametrize("sampling", ["crop_resize", "random_frames"])
@pytest.mark.parametrize("normalize", NORMALIZATIONS)
@pytest.mark.parametrize("stream", ["joint", "bone_motion"])
def test_evaluation_batches_equal_the_per_sample_pipeline(
    store: ArrayStore, sampling: str, normalize: str, stream: str
) -> None:
    transform = replace(AUGMENTED, sampling=sampling, normalize=normalize, stream=stream)

    found = joined(make_batches(store, transform, train=False))

    for row, clip in enumerate(found.clips.tolist()):
        expected = transform_clip(clip_frames(store, clip), store.info, transform)
        np.testing.assert_allclose(found.x[row], expected, atol=2e-5)


def test_a_batch_has_its_documented_shapes_and_types(store: ArrayStore) -> None:
    batch = next(make_batches(store, AUGMENTED).epoch(0))

    assert batch.x.shape == (3, 3, 12, 3, 2)
    assert batch.x.dtype == torch.float32
    assert batch.x.is_contiguous()
    assert batch.labels.dtype == batch.clips.dtype == torch.int64
    assert batch.labels.tolist() == store.labels[batch.clips].tolist()


def test_the_same_seed_and_epoch_give_the_same_batches(store: ArrayStore) -> None:
    one, other = make_batches(store, AUGMENTED), make_batches(store, AUGMENTED)
    list(other.epoch(0))

    for first, second in zip(one.epoch(3), other.epoch(3), strict=True):
        assert torch.equal(first.x, second.x)
        assert torch.equal(first.clips, second.clips)


def test_the_global_random_state_is_neither_read_nor_changed(store: ArrayStore) -> None:
    torch.manual_seed(1)
    first = joined(make_batches(store, AUGMENTED))
    torch.manual_seed(2)
    state = torch.get_rng_state()

    second = joined(make_batches(store, AUGMENTED))

    assert torch.equal(first.x, second.x)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("changes", [{"seed": 5}, {"epoch": 1}])
def test_another_seed_or_epoch_gives_other_data(store: ArrayStore, changes: dict[str, int]) -> None:
    epoch = changes.pop("epoch", 0)

    one = joined(make_batches(store, AUGMENTED))
    other = joined(make_batches(store, AUGMENTED, **changes), epoch)

    assert not torch.equal(one.x, other.x)


def test_the_batch_size_leaves_the_data_of_an_epoch_as_it_is(store: ArrayStore) -> None:
    one = joined(make_batches(store, AUGMENTED, batch_size=2))
    other = joined(make_batches(store, AUGMENTED, batch_size=5))

    assert torch.equal(one.clips, other.clips)
    assert torch.equal(one.x, other.x)


def test_every_stream_sees_the_same_crops_and_rotations(store: ArrayStore) -> None:
    joint = joined(make_batches(store, AUGMENTED))
    bone = joined(make_batches(store, replace(AUGMENTED, stream="bone")))

    assert torch.equal(joint.clips, bone.clips)
    torch.testing.assert_close(joint.x[:, :, :, 0] - joint.x[:, :, :, 1], bone.x[:, :, :, 0])


def test_training_takes_every_clip_as_often_as_it_is_repeated(store: ArrayStore) -> None:
    clips = joined(make_batches(store, AUGMENTED, repeat=3)).clips

    assert sorted(clips.tolist()) == sorted([0, 1, 3, 4, 5, 6] * 3)
    assert clips.tolist() != sorted(clips.tolist())


def test_evaluation_takes_every_clip_once_in_order(store: ArrayStore) -> None:
    batches = make_batches(store, AUGMENTED, train=False, batch_size=4)

    assert [batch.clips.tolist() for batch in batches.epoch(0)] == [[0, 1, 3, 4], [5, 6]]
    assert torch.equal(joined(batches, 0).x, joined(batches, 7).x)


@pytest.mark.parametrize(
    ("drop_last", "batch_size", "repeat", "sizes"),
    [
        (False, 4, 1, [4, 2]),
        (True, 4, 1, [4]),
        (False, 6, 1, [6]),
        (True, 6, 2, [6, 6]),
        (False, 20, 2, [12]),
    ],
)
def test_the_length_is_the_number_of_batches(
    store: ArrayStore, drop_last: bool, batch_size: int, repeat: int, sizes: list[int]
) -> None:
    batches = make_batches(
        store, AUGMENTED, drop_last=drop_last, batch_size=batch_size, repeat=repeat
    )

    assert [len(batch.labels) for batch in batches.epoch(0)] == sizes
    assert len(batches) == len(sizes)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> ArrayStore:
    clips = [make_pair_clip(6 + number, number, who) for number, who in enumerate(PERSONS)]
    return make_store(tmp_path_factory.mktemp("pairs"), clips)


def pair_batches(pairs: ArrayStore, clips: list[int], **options: object) -> ClipBatches:
    transform = replace(AUGMENTED, crop=(0.2, 0.4), **options)
    return ClipBatches(
        pairs, np.array(clips), transform, batch_size=4, device=CPU, seed=0, train=True, repeat=2
    )


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("normalize", NORMALIZATIONS)
@pytest.mark.parametrize("sampling", ["crop_resize", "random_frames"])
def test_a_person_absent_from_the_whole_clip_is_marked_and_stays_zero(
    pairs: ArrayStore, stream: str, normalize: str, sampling: str
) -> None:
    options = {"stream": stream, "normalize": normalize, "sampling": sampling}

    batch = joined(pair_batches(pairs, [4, 0, 3, 2], **options))

    expected = [[person in PERSONS[clip] for person in (0, 1)] for clip in batch.clips.tolist()]
    assert batch.present.tolist() == expected
    persons = batch.x.permute(0, 4, 1, 2, 3)
    assert not persons[~batch.present].any()
    assert persons[batch.present].any()


def test_presence_is_left_out_where_no_clip_lacks_a_person(
    pairs: ArrayStore, synthetic_store: ArrayStore
) -> None:
    single = ClipBatches(
        synthetic_store, np.arange(5), AUGMENTED, batch_size=5, device=CPU, seed=0, train=False
    )

    assert joined(single).present is None
    assert joined(pair_batches(pairs, [1, 3])).present is None


@pytest.mark.parametrize("normalize", NORMALIZATIONS)
def test_an_absent_joint_stays_zero(store: ArrayStore, normalize: str) -> None:
    transform = replace(AUGMENTED, normalize=normalize, sampling="random_frames")

    x = joined(make_batches(store, transform, train=False)).x

    assert not x[:, :, -1, 0, 0].any()


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("normalize", NORMALIZATIONS)
@pytest.mark.parametrize("sampling", ["crop_resize", "random_frames"])
@pytest.mark.parametrize("train", [True, False])
def test_clips_of_one_frame_are_repeated(
    tmp_path: Path, stream: str, normalize: str, sampling: str, train: bool
) -> None:
    store = make_store(tmp_path, [make_clip(1, number) for number in range(3)])
    transform = replace(AUGMENTED, stream=stream, normalize=normalize, sampling=sampling)

    batches = ClipBatches(
        store, np.arange(3), transform, batch_size=2, device=CPU, seed=0, train=train
    )

    for batch in batches.epoch(0):
        assert batch.x.isfinite().all()
        repeated = batch.x[:, :, :1].expand_as(batch.x)
        torch.testing.assert_close(batch.x, repeated if "motion" not in stream else 0 * repeated)


def test_centring_takes_the_first_frame_that_has_the_origin_joint(tmp_path: Path) -> None:
    clip = make_clip(6, 0)
    clip.skeleton[:2, 0, CHAIN.origin_joint] = 0.0
    store = make_store(tmp_path, [clip])
    transform = ClipTransform(clip_len=6)

    batches = ClipBatches(
        store, np.array([0]), transform, batch_size=1, device=CPU, seed=0, train=False
    )

    x = joined(batches).x
    assert not x[0, :, 2, CHAIN.origin_joint, 0].any()
    expected = clip.skeleton[3, 0] - clip.skeleton[2, 0, CHAIN.origin_joint]
    np.testing.assert_allclose(x[0, :, 3, :, 0].T, expected, atol=1e-6)


def test_centring_frames_moves_each_frame_that_has_the_origin_joint(tmp_path: Path) -> None:
    clip = make_pair_clip(6, 0, (0, 1))
    clip.skeleton[2, 0, CHAIN.origin_joint] = 0.0
    store = make_store(tmp_path, [clip])
    transform = ClipTransform(clip_len=6, normalize="center_frames")

    batches = ClipBatches(
        store, np.array([0]), transform, batch_size=1, device=CPU, seed=0, train=False
    )

    x = joined(batches).x[0].permute(1, 3, 2, 0).numpy()
    expected = clip.skeleton - clip.skeleton[:, :1, CHAIN.origin_joint, None]
    np.testing.assert_allclose(x[:5, 0], expected[:5, 0], atol=1e-6)
    np.testing.assert_allclose(x[0, 1], expected[0, 1], atol=1e-6)
    assert not x[1:, 1].any()


@pytest.mark.parametrize("train", [True, False])
def test_minmax_fills_the_unit_range_of_every_axis(
    synthetic_store: ArrayStore, train: bool
) -> None:
    clips = synthetic_store.split("xsub", "train")
    transform = ClipTransform(
        clip_len=300, crop=(1.0, 1.0), rotation_deg=(60.0, 60.0, 0.0), normalize="minmax"
    )
    batches = ClipBatches(
        synthetic_store, clips, transform, batch_size=4, device=CPU, seed=0, train=train
    )

    x = joined(batches).x

    torch.testing.assert_close(x.amin(dim=(2, 3, 4)), -torch.ones(len(clips), 3), atol=0.1, rtol=0)
    torch.testing.assert_close(x.amax(dim=(2, 3, 4)), torch.ones(len(clips), 3), atol=0.1, rtol=0)
    assert x.abs().max() <= 1 + 1e-5


def test_an_axis_without_extent_becomes_zero(tmp_path: Path) -> None:
    clip = make_clip(5, 0)
    clip.skeleton[..., 2] = 0.0
    store = make_store(tmp_path, [clip])
    transform = ClipTransform(clip_len=5, normalize="minmax")

    batches = ClipBatches(
        store, np.array([0]), transform, batch_size=1, device=CPU, seed=0, train=False
    )

    assert not joined(batches).x[:, 2].any()


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"batch_size": 0}, "batch_size and repeat must be >= 1, got 0"),
        ({"repeat": 0}, "batch_size and repeat must be >= 1, got 3 and 0"),
        ({"train": False, "repeat": 2}, "repeat must be 1"),
        ({"train": False, "drop_last": True}, "drop_last False"),
        ({"drop_last": True, "batch_size": 7}, "leaves no batch: 6 clips"),
        ({"seed": -1}, "seed and epoch must be >= 0"),
    ],
)
def test_sizes_out_of_range_are_refused(
    store: ArrayStore, changes: dict[str, object], rule: str
) -> None:
    with pytest.raises(ValueError, match=rule):
        list(make_batches(store, AUGMENTED, **changes).epoch(0))


def test_a_split_without_clips_is_refused(store: ArrayStore) -> None:
    with pytest.raises(ValueError, match="at least one clip"):
        ClipBatches(
            store, np.array([], int), AUGMENTED, batch_size=1, device=CPU, seed=0, train=True
        )


def test_rotation_of_two_channels_is_refused(tmp_path: Path) -> None:
    flat = make_clip(3, 0, skeleton=make_clip(3, 0).skeleton[..., :2])
    store = make_store(tmp_path, [flat], replace(CHAIN, num_channels=2))

    with pytest.raises(ValueError, match="rotation_deg about x and y must be 0 for 2 coordinates"):
        ClipBatches(store, np.array([0]), AUGMENTED, batch_size=1, device=CPU, seed=0, train=True)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_cuda_device_gives_the_same_data(store: ArrayStore) -> None:
    transform = replace(AUGMENTED, normalize="minmax")

    on_cpu = joined(make_batches(store, transform))
    on_cuda = joined(make_batches(store, transform, device=torch.device("cuda")))

    assert torch.equal(on_cpu.clips, on_cuda.clips.cpu())
    torch.testing.assert_close(on_cpu.x, on_cuda.x.cpu())
