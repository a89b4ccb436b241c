import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from data.draws import Draws, draw, epoch_generator
from data.sampling import Frames, sample_frames
from data.transform import ClipTransform

LENGTHS = torch.tensor([1, 2, 7, 40, 64, 65, 201])


def sample(lengths: Tensor, transform: ClipTransform, draws: Draws | None) -> Frames:
    """Of clips with one person throughout."""
    return sample_frames(lengths, lengths[:, None], transform, draws)


def drawn(num_clips: int, clip_len: int) -> Draws:
    return draw(num_clips, clip_len, 3, epoch_generator(0, 0))


@pytest.mark.parametrize("clip_len", [1, 5, 52, 64, 300])
def test_a_full_crop_is_resized_as_torch_does(clip_len: int) -> None:
    for length in LENGTHS.tolist():
        clip = torch.randn(length, 6)
        transform = ClipTransform(clip_len=clip_len)

        frames = sample(torch.tensor([length]), transform, None)

        found = torch.lerp(
            clip[frames.low[0, :, 0]], clip[frames.high[0, :, 0]], frames.weight[0, :, None]
        )
        expected = interpolate(clip.T[None], size=clip_len, mode="linear", align_corners=False)
        torch.testing.assert_close(found, expected[0].T, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("sampling", ["crop_resize", "random_frames", "uniform", "window"])
@pytest.mark.parametrize("train", [True, False])
def test_frames_stay_inside_their_clip_and_in_order(sampling: str, train: bool) -> None:
    transform = ClipTransform(sampling=sampling, clip_len=52, crop_min_frames=1, eval_crop=0.3)
    draws = draw(len(LENGTHS), 52, 3, epoch_generator(0, 0)) if train else None

    frames = sample(LENGTHS, transform, draws)

    for places in (frames.low, frames.low if frames.high is None else frames.high):
        assert (places >= 0).all()
        assert (places < LENGTHS[:, None, None]).all()
        assert (places.diff(dim=1) >= 0).all()


def test_a_crop_keeps_the_share_but_no_fewer_than_the_least_frames() -> None:
    lengths = torch.full((2000,), 100)
    draws = draw(2000, 400, 3, epoch_generator(0, 0))

    frames = sample(lengths, ClipTransform(clip_len=400, crop=(0.5, 0.9)), draws)

    kept = frames.high[:, -1] - frames.low[:, 0] + 1
    assert (kept.min(), kept.max()) == (64, 89)
    assert frames.low.min() == 0
    assert frames.high.max() == 99


def test_the_evaluation_crop_is_in_the_middle() -> None:
    transform = ClipTransform(clip_len=95, eval_crop=0.95)

    frames = sample(torch.tensor([100]), transform, None)

    assert (frames.low[0, 0], frames.high[0, -1]) == (2, 97)


def test_evaluation_takes_evenly_spaced_frames() -> None:
    transform = ClipTransform(sampling="random_frames", clip_len=5)

    frames = sample(torch.tensor([1, 3, 5, 10]), transform, None)

    assert frames.weight is None
    expected = [[0] * 5, [0, 0, 1, 1, 2], [0, 1, 2, 3, 4], [0, 2, 4, 6, 9]]
    assert frames.low[..., 0].tolist() == expected


def test_uniform_sampling_takes_a_random_frame_of_each_segment() -> None:
    transform = ClipTransform(sampling="uniform", clip_len=8)

    frames = sample(torch.full((500,), 80), transform, drawn(500, 8)).low[..., 0]

    within = frames - 10 * torch.arange(8)
    assert (within.min(), within.max()) == (0, 9)
    assert abs(within.float().mean() - 4.5) < 0.2


def test_uniform_sampling_takes_the_middle_of_each_segment_in_evaluation() -> None:
    transform = ClipTransform(sampling="uniform", clip_len=4)

    frames = sample(torch.tensor([2, 4, 12]), transform, None).low[..., 0]

    assert frames.tolist() == [[0, 0, 1, 1], [0, 1, 2, 3], [1, 4, 7, 10]]


def test_a_shorter_clip_stands_at_the_start_of_the_window_in_evaluation() -> None:
    frames = sample(torch.tensor([3, 5]), ClipTransform(sampling="window", clip_len=5), None)

    assert frames.low[..., 0].tolist() == [[0, 1, 2, 2, 2], [0, 1, 2, 3, 4]]
    assert frames.inside is not None
    assert frames.inside.tolist() == [[True] * 3 + [False] * 2, [True] * 5]


def test_a_shorter_clip_stands_anywhere_in_the_window_in_training() -> None:
    lengths = torch.full((300,), 3)

    frames = sample(lengths, ClipTransform(sampling="window", clip_len=6), drawn(300, 6))

    assert frames.inside is not None
    begins = frames.inside.int().argmax(dim=1)
    assert set(begins.tolist()) == {0, 1, 2, 3}
    taken = frames.low[..., 0][frames.inside].view(300, 3)
    assert (taken == torch.arange(3)).all()


def test_a_longer_clip_is_strided_into_the_window() -> None:
    transform = ClipTransform(sampling="window", clip_len=4)

    in_evaluation = sample(torch.tensor([10]), transform, None)
    in_training = sample(torch.full((300,), 10), transform, drawn(300, 4))

    assert in_evaluation.inside is None
    assert in_evaluation.low[0, :, 0].tolist() == [0, 2, 5, 7]
    found = {tuple(row) for row in in_training.low[..., 0].tolist()}
    assert found == {(0, 2, 5, 7), (1, 3, 6, 8), (2, 4, 7, 9)}


def test_every_body_is_repeated_with_its_own_period() -> None:
    transform = ClipTransform(sampling="repeat_pad", clip_len=7)

    frames = sample_frames(torch.tensor([5]), torch.tensor([[5, 3, 0]]), transform, None)

    assert frames.low[0].T.tolist() == [[0, 1, 2, 3, 4, 0, 1], [0, 1, 2, 0, 1, 2, 0], [0] * 7]


@pytest.mark.parametrize("sampling", ["crop_resize", "window", "uniform", "repeat_pad"])
def test_a_temporal_flip_turns_the_order_of_the_frames_alone(sampling: str) -> None:
    options = {"sampling": sampling, "clip_len": 12, "crop_min_frames": 4}
    draws = drawn(7, 12)

    plain = sample(LENGTHS, ClipTransform(**options), draws)
    flipped = sample(LENGTHS, ClipTransform(**options, temporal_flip=1.0), draws)

    for part, turned in zip(plain, flipped, strict=True):
        assert (part is None) == (turned is None)
        assert part is None or torch.equal(turned, part.flip(1))


def test_a_temporal_flip_of_half_turns_about_half_of_the_clips() -> None:
    transform = ClipTransform(clip_len=5, crop=(1.0, 1.0), temporal_flip=0.5)

    frames = sample(torch.full((400,), 50), transform, drawn(400, 5))

    turned = frames.low[:, 0, 0] > frames.low[:, -1, 0]
    assert 150 < turned.sum() < 250
