from pathlib import Path

import numpy as np
import pytest
import torch

from data import frames
from data.frames import DeviceFrames, MappedFrames, Poses
from data.noise import Noise
from data.store import ArrayStore
from tests.data.stores import make_clip, make_pair_clip, make_store

LENGTHS = [4, 7, 1, 6]
CHOSEN = np.array([3, 0, 1])


@pytest.fixture
def store(tmp_path: Path) -> ArrayStore:
    return make_store(tmp_path, [make_pair_clip(n, i, (0, 1)) for i, n in enumerate(LENGTHS)])


def bodies_of(source: MappedFrames | DeviceFrames, place: int, length: int) -> torch.Tensor:
    """All bodies of the clip at a place, (1, length, 2)."""
    numbers = (source.starts[place] + torch.arange(length))[:, None] * 2 + torch.arange(2)
    return numbers[None]


def taken(source: MappedFrames | DeviceFrames) -> list[Poses]:
    lengths = source.facts.lengths.tolist()
    return [source.take(bodies_of(source, place, n)) for place, n in enumerate(lengths)]


def test_bodies_are_those_of_the_store_with_who_is_present(store: ArrayStore) -> None:
    for clip, (x, present) in zip(CHOSEN, taken(MappedFrames(store, CHOSEN)), strict=True):
        stored = store.frames[store.offsets[clip] : store.offsets[clip + 1]]
        np.testing.assert_array_equal(x[0], stored)
        assert present is not None
        np.testing.assert_array_equal(present[0], (stored != 0).any(axis=-1))


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_the_device_has_the_same_bodies_as_the_map(
    store: ArrayStore, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "UPLOADED_FRAMES", 4)
    noise = Noise(store, share=share, granularity="scalar", seed=0)
    mapped = MappedFrames(store, CHOSEN, noise)

    on_device = taken(DeviceFrames(mapped, torch.device("cpu")))

    for expected, found in zip(taken(mapped), on_device, strict=True):
        assert torch.equal(expected.x, found.x)
        assert expected.present is not None
        assert found.present is not None
        assert torch.equal(expected.present, found.present)


def test_lost_values_are_zero_and_their_joints_present(store: ArrayStore) -> None:
    noise = Noise(store, share=1.0, granularity="joint", seed=0)

    for clip, (x, present) in zip(CHOSEN, taken(MappedFrames(store, CHOSEN, noise)), strict=True):
        stored = store.frames[store.offsets[clip] : store.offsets[clip + 1]]
        assert not x.any()
        assert present is not None
        np.testing.assert_array_equal(present[0], (stored != 0).any(axis=-1))


def test_presence_is_left_out_where_every_joint_is_always_there(tmp_path: Path) -> None:
    skeleton = np.ones((5, 2, 3, 3), dtype=np.float32)
    store = make_store(tmp_path, [make_clip(5, 0, skeleton=skeleton)])

    mapped = MappedFrames(store, np.array([0]))

    assert taken(mapped)[0].present is None
    assert taken(DeviceFrames(mapped, torch.device("cpu")))[0].present is None


def test_the_facts_of_clips_are_their_lengths_bodies_and_origins(store: ArrayStore) -> None:
    facts = MappedFrames(store, CHOSEN).facts

    assert facts.lengths.tolist() == [6, 4, 7]
    assert facts.body_lengths.tolist() == [[6, 1], [4, 1], [7, 1]]
    firsts = store.frames[store.offsets[CHOSEN], 0, store.info.origin_joint]
    np.testing.assert_array_equal(facts.origins, firsts)
