import numpy as np
import pytest

from data.skeletons import COCO_17, NTU_25, OPENPOSE_18, OPENPOSE_25, Skeleton
from models.skeletons import SKELETONS as OF_MODELS

SKELETONS = [NTU_25, COCO_17, OPENPOSE_18, OPENPOSE_25]


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


@pytest.mark.parametrize(
    ("skeleton", "name"),
    list(zip(SKELETONS, ["ntu25", "coco17", "openpose18", "body25"], strict=True)),
)
def test_models_are_described_for_the_same_skeletons(skeleton: Skeleton, name: str) -> None:
    other = OF_MODELS[name]

    assert (skeleton.num_joints, skeleton.centre) == (other.num_joints, other.centre)
    assert set(skeleton.edges) == set(other.edges)
