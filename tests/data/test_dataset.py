from dataclasses import replace

import numpy as np
import pytest

from data import DATASETS
from data.dataset import check_clip
from tests.data.stores import CHAIN, make_clip


@pytest.mark.parametrize("name", DATASETS)
def test_every_dataset_is_named_as_in_the_table_and_splits_its_protocols(name: str) -> None:
    source = DATASETS[name]

    assert source.info.name == name
    assert tuple(source.splits) == source.info.protocols
    assert len(source.info.edges) == source.info.num_joints - 1


@pytest.mark.parametrize(
    "edges",
    [((0, 1),), ((0, 1), (0, 1)), ((0, 2), (2, 0)), ((0, 1), (2, 3)), ((0, 1), (1, 2))],
    ids=["joint left out", "two parents", "cycle", "unknown parent", "centre has a parent"],
)
def test_edges_that_are_no_tree_rooted_at_the_centre_are_refused(edges: tuple) -> None:
    with pytest.raises(ValueError, match="rooted at centre=1"):
        replace(CHAIN, edges=edges)


def test_an_origin_joint_outside_the_skeleton_is_refused() -> None:
    with pytest.raises(ValueError, match=r"0\.\.2, got 3"):
        replace(CHAIN, origin_joint=3)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_coordinate_that_is_not_finite_is_refused_with_its_place(value: float) -> None:
    clip = make_clip(4)
    clip.skeleton[2, 0, 1, 0] = value

    with pytest.raises(ValueError, match=r"clip clip00.*finite.*frame 2, joint 1"):
        check_clip(clip, CHAIN)


def test_a_clip_of_another_skeleton_is_refused() -> None:
    clip = make_clip(4, skeleton=np.ones((4, 2, 5, 3), dtype=np.float32))

    with pytest.raises(ValueError, match=r"\(2, 3, 3\), got \(2, 5, 3\)"):
        check_clip(clip, CHAIN)


@pytest.mark.parametrize("label", [-1, 2])
def test_a_label_without_a_class_is_refused(label: int) -> None:
    with pytest.raises(ValueError, match=rf"0\.\.1, got {label}"):
        check_clip(make_clip(4, label=label), CHAIN)
