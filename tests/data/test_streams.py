import pytest
import torch

from data.streams import to_stream

EDGES = ((0, 1), (2, 1))
# one clip, channel and person, frames over joints: (1, 1, 1, T=3, V=3)
JOINTS = torch.tensor([[1.0, 2.0, 4.0], [2.0, 2.0, 7.0], [5.0, 1.0, 1.0]]).view(1, 1, 1, 3, 3)
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
    x = torch.randn(2, 3, 2, 5, 3)
    before = x.clone()

    assert to_stream(x, stream, EDGES).shape == x.shape
    assert torch.equal(x, before)


def test_the_root_has_no_bone_and_the_last_frame_no_motion() -> None:
    x = torch.randn(2, 3, 2, 5, 3)

    assert not to_stream(x, "bone", EDGES)[..., 1].any()
    assert not to_stream(x, "joint_motion", EDGES)[..., -1, :].any()


@pytest.mark.parametrize("stream", ["joint_motion", "bone_motion"])
def test_a_single_frame_has_no_motion(stream: str) -> None:
    assert not to_stream(torch.randn(1, 3, 1, 1, 3), stream, EDGES).any()
