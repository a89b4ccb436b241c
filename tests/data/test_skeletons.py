import numpy as np
import pytest

from data.skeletons import COCO_17, OPENPOSE_18, OPENPOSE_25, Skeleton

SKELETONS = [COCO_17, OPENPOSE_18, OPENPOSE_25]


@pytest.mark.parametrize(
    ("skeleton", "squares_of_shares"),
    [(COCO_17, 9.25), (OPENPOSE_18, 9.833333), (OPENPOSE_25, 14.166667)],
)
def test_parents_have_as_many_children_as_in_the_published_graphs(
    skeleton: Skeleton, squares_of_shares: float
) -> None:
    num_children = np.bincount([parent for _, parent in skeleton.edges])

    assert sum(1 / num_children[num_children > 0]) == pytest.approx(squares_of_shares)


@pytest.mark.parametrize("skeleton", SKELETONS)
def test_a_mirrored_skeleton_has_the_same_bones(skeleton: Skeleton) -> None:
    other = {joint: joint for joint in range(skeleton.num_joints)}
    for left, right in skeleton.mirrored:
        other |= {left: right, right: left}

    mirrored = {(other[child], other[parent]) for child, parent in skeleton.edges}

    assert mirrored == set(skeleton.edges)
