import pytest
import torch

from models.graphs import build_adjacency, digraph, stgcn_spatial
from models.skeletons import SKELETONS

# non-zeros, sum and sum of squares of the three subsets, as measured on the original sources
DIGRAPH = {
    "ntu25": ((25, 25, 25), (24, 24, 24), (24, 20, 18.75)),
    "coco17": ((17, 17, 17), (16, 16, 16), (16, 11, 9.25)),
    "body25": ((25, 25, 25), (24, 24, 24), (24, 17, 14.166667)),
    "openpose18": ((18, 18, 18), (17, 17, 17), (17, 12, 9.833333)),
}
TRUNCATED = {
    "ntu25": ((25, 8.95, 3.3525), (40, 13.3, 4.618333), (8, 2.75, 0.979167)),
    "coco17": ((17, 6.366667, 2.553889), (22, 7.133333, 2.521111), (10, 3.5, 1.291667)),
    "body25": ((25, 9.2, 3.623333), (40, 13.35, 4.8075), (8, 2.45, 0.769167)),
    "openpose18": ((18, 6.666667, 2.638889), (25, 8.583333, 3.173611), (9, 2.75, 0.854167)),
    "gym_released": ((17, 6.366667, 2.553889), (27, 9.1, 3.286667), (5, 1.533333, 0.526111)),
}
TRUE_DISTANCE = {
    "ntu25": ((25, 8.95, 3.3525), (24, 7.3, 2.285), (24, 8.75, 3.3125)),
    "coco17": ((17, 6.366667, 2.553889), (16, 4.466667, 1.298889), (16, 6.166667, 2.513889)),
    "body25": ((25, 9.2, 3.623333), (24, 6.85, 2.015833), (24, 8.95, 3.560833)),
    "openpose18": ((18, 6.666667, 2.638889), (17, 4.916667, 1.451389), (17, 6.416667, 2.576389)),
}
CASES = [
    *(("digraph", "truncated", name, expected) for name, expected in DIGRAPH.items()),
    *(("stgcn_spatial", "truncated", name, expected) for name, expected in TRUNCATED.items()),
    *(("stgcn_spatial", "true", name, expected) for name, expected in TRUE_DISTANCE.items()),
]


@pytest.mark.parametrize(("graph", "distance", "name", "expected"), CASES)
def test_an_adjacency_has_the_measured_sums(graph, distance, name, expected):
    skeleton = SKELETONS[name]

    adjacency = build_adjacency(
        graph, distance, skeleton.edges, skeleton.centre, skeleton.num_joints
    )

    for subset, (nonzeros, total, squares) in zip(adjacency, expected, strict=True):
        assert subset.count_nonzero() == nonzeros
        assert subset.sum().item() == pytest.approx(total, abs=6e-7)
        assert subset.square().sum().item() == pytest.approx(squares, abs=6e-7)


@pytest.mark.parametrize("name", SKELETONS)
def test_a_skeleton_is_a_tree(name):
    skeleton = SKELETONS[name]

    hops = stgcn_spatial(skeleton.edges, skeleton.centre, skeleton.num_joints, "true").sum(0) > 0

    assert len(skeleton.edges) == skeleton.num_joints - 1
    assert torch.linalg.matrix_power(hops.double(), skeleton.num_joints).all()


@pytest.mark.parametrize("name", DIGRAPH)
def test_the_edges_of_a_skeleton_point_to_its_centre(name):
    skeleton = SKELETONS[name]
    parents = dict(skeleton.edges)

    for joint in range(skeleton.num_joints):
        for _ in range(skeleton.num_joints):
            joint = parents.get(joint, joint)
        assert joint == skeleton.centre


def test_inward_edges_lead_from_the_parents_row_to_the_childs_column():
    inward, outward = digraph(((1, 0), (2, 0)), num_joints=3)[1:]

    assert inward.tolist() == [[0, 1, 1], [0, 0, 0], [0, 0, 0]]
    assert outward.tolist() == [[0, 0, 0], [0.5, 0, 0], [0.5, 0, 0]]


def test_truncated_distances_send_both_directions_of_a_far_edge_to_the_centripetal_subset():
    chain = ((1, 0), (2, 1), (3, 2))

    truncated = stgcn_spatial(chain, 0, 4, "truncated")
    true = stgcn_spatial(chain, 0, 4, "true")

    assert truncated[1, 2, 3] > 0
    assert truncated[1, 3, 2] > 0
    assert true[1, 2, 3] == 0
    assert true[2, 2, 3] > 0


def test_a_joint_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"joints must be in 0\.\.1"):
        digraph(((2, 0),), num_joints=2)


def test_a_centre_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"joints must be in 0\.\.1"):
        stgcn_spatial(((1, 0),), 5, num_joints=2)
