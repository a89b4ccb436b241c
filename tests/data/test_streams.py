import pytest
import torch

from data.streams import to_stream

EDGES = ((0, 1), (2, 1))
# one clip, one channel, frames over joints: (1, 1, T=3, V=3, M=1)
JOINTS = torch.tensor([[1.0, 2.0, 4.0], [2.0, 2.0, 7.0], [5.0, 1.0, 1.0]]).view(1, 1, 3, 3, 1)
GOLDEN = {
    "joint": [[1, 2, 4], [2, 2, 7], [5, 1, 1]],
    "bone": [[-1, 0, 2], [0, 0, 5], [4, 0, 0]],
    "joint_motion": [[1, 0, 3], [3, -1, -6], [0, 0, 0]],
    "bone_motion": [[1, 0, 3], [4, 0, -5], [0, 0, 0]],
}


@pytest.mark.parametrize("stream", GOLDEN)
def test_a_stream_has_its_golden_values(stream: str) -> None:
    found = to_stream(JOINTS, stream, EDGES)

    assert found.view(3, 3).tolist() == GOLDEN[stream]


@pytest.mark.parametrize("stream", GOLDEN)
def test_a_stream_keeps_the_shape_and_its_input(stream: str) -> None:
    x = torch.randn(2, 3, 5, 3, 2)
    before = x.clone()

    assert to_stream(x, stream, EDGES).shape == x.shape
    assert torch.equal(x, before)


def test_the_root_has_no_bone_and_the_last_frame_no_motion() -> None:
    x = torch.randn(2, 3, 5, 3, 2)

    assert not to_stream(x, "bone", EDGES)[:, :, :, 1].any()
    assert not to_stream(x, "joint_motion", EDGES)[:, :, -1].any()


@pytest.mark.parametrize(
    ("hops", "bones"), [(1, [-1, 0, 2, 2]), (2, [-1, 0, 2, 4]), (3, [-1, 0, 2, 4])]
)
def test_a_bone_of_several_hops_begins_at_an_ancestor_or_the_root(
    hops: int, bones: list[int]
) -> None:
    x = torch.tensor([1.0, 2.0, 4.0, 6.0]).view(1, 1, 1, 4, 1)

    found = to_stream(x, "bone", (*EDGES, (3, 2)), hops=hops)

    assert found.flatten().tolist() == bones


@pytest.mark.parametrize(
    ("stream", "scores"),
    [
        ("joint", [[1, 2, 4], [2, 2, 7], [5, 1, 1]]),
        ("bone", [[1.5, 2, 3], [2, 2, 4.5], [3, 1, 1]]),
        ("joint_motion", [[1.5, 2, 5.5], [3.5, 1.5, 4], [0, 0, 0]]),
        ("bone_motion", [[1.75, 2, 3.75], [2.5, 1.5, 2.75], [0, 0, 0]]),
    ],
)
def test_a_difference_has_the_mean_confidence_of_its_ends(
    stream: str, scores: list[list[float]]
) -> None:
    x = torch.cat([JOINTS, JOINTS], dim=1)

    found = to_stream(x, stream, EDGES, mean_score=True)

    assert found[0, 0].view(3, 3).tolist() == GOLDEN[stream]
    assert found[0, 1].view(3, 3).tolist() == scores


@pytest.mark.parametrize("stream", ["joint_motion", "bone_motion"])
def test_a_single_frame_has_no_motion(stream: str) -> None:
    assert not to_stream(torch.randn(1, 3, 1, 3, 1), stream, EDGES).any()


def test_a_confidence_is_subtracted_like_a_coordinate_without_the_mean() -> None:
    x = torch.rand(1, 3, 4, 3, 1)

    bone = to_stream(x, "bone", EDGES)

    child, parent = EDGES[0]
    torch.testing.assert_close(bone[:, 2, :, child], x[:, 2, :, child] - x[:, 2, :, parent])
