import pytest
import torch
from torch.nn.functional import interpolate

from data.transform import (
    ClipTransform,
    draw,
    epoch_generator,
    linear_maps,
    rotation_matrices,
    sample_frames,
)

LENGTHS = torch.tensor([1, 2, 7, 40, 64, 65, 201])


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("stream", "bones"),
        ("sampling", "uniform"),
        ("normalize", "zscore"),
        ("clip_len", 0),
        ("crop_min_frames", 0),
        ("crop", (0.0, 1.0)),
        ("crop", (0.9, 0.5)),
        ("crop", (0.5, 1.1)),
        ("crop", (0.5, float("nan"))),
        ("eval_crop", 0.0),
        ("eval_crop", 1.5),
        ("rotation_deg", (10.0, 10.0)),
        ("rotation_deg", (-1.0, 0.0, 0.0)),
        ("rotation_deg", (0.0, float("nan"), 0.0)),
        ("scale", (0.0, 1.0)),
        ("scale", (2.0, 1.0)),
        ("scale", (1.0, float("inf"))),
        ("noise", -0.1),
        ("noise", float("nan")),
        ("noise_granularity", "bone"),
        ("noise_split", "val"),
        ("noise_seed", -1),
    ],
)
def test_an_option_out_of_range_is_refused_with_its_value(option: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{option}.*must be.*got"):
        ClipTransform(**{option: value})


@pytest.mark.parametrize("clip_len", [1, 5, 52, 64, 300])
def test_a_full_crop_is_resized_as_torch_does(clip_len: int) -> None:
    for length in LENGTHS.tolist():
        clip = torch.randn(length, 6)
        transform = ClipTransform(clip_len=clip_len)

        frames = sample_frames(torch.tensor([length]), transform, None)

        found = torch.lerp(clip[frames.low[0]], clip[frames.high[0]], frames.weight[0, :, None])
        expected = interpolate(clip.T[None], size=clip_len, mode="linear", align_corners=False)
        torch.testing.assert_close(found, expected[0].T, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("sampling", ["crop_resize", "random_frames"])
@pytest.mark.parametrize("train", [True, False])
def test_frames_stay_inside_their_clip_and_in_order(sampling: str, train: bool) -> None:
    transform = ClipTransform(sampling=sampling, clip_len=52, crop_min_frames=1, eval_crop=0.3)
    draws = draw(len(LENGTHS), 52, epoch_generator(0, 0)) if train else None

    frames = sample_frames(LENGTHS, transform, draws)

    for places in (frames.low, frames.high):
        assert (places >= 0).all()
        assert (places < LENGTHS[:, None]).all()
        assert (places.diff(dim=1) >= 0).all()


def test_a_crop_keeps_the_share_but_no_fewer_than_the_least_frames() -> None:
    lengths = torch.full((2000,), 100)
    draws = draw(2000, 400, epoch_generator(0, 0))

    frames = sample_frames(lengths, ClipTransform(clip_len=400, crop=(0.5, 0.9)), draws)

    kept = frames.high[:, -1] - frames.low[:, 0] + 1
    assert (kept.min(), kept.max()) == (64, 89)
    assert frames.low.min() == 0
    assert frames.high.max() == 99


def test_the_evaluation_crop_is_in_the_middle() -> None:
    transform = ClipTransform(clip_len=95, eval_crop=0.95)

    frames = sample_frames(torch.tensor([100]), transform, None)

    assert (frames.low[0, 0], frames.high[0, -1]) == (2, 97)


def test_evaluation_takes_evenly_spaced_frames() -> None:
    transform = ClipTransform(sampling="random_frames", clip_len=5)

    frames = sample_frames(torch.tensor([1, 3, 5, 10]), transform, None)

    assert frames.weight is None
    expected = [[0] * 5, [0, 0, 1, 1, 2], [0, 1, 2, 3, 4], [0, 2, 4, 6, 9]]
    assert frames.low.tolist() == expected


def test_rotations_keep_lengths_and_turn_as_in_ctr_gcn() -> None:
    quarter = torch.pi / 2
    angles = torch.tensor([[quarter, 0, 0], [0, quarter, 0], [0, 0, quarter], [1, 2, 3]])

    matrices = rotation_matrices(angles.double())

    identity = torch.eye(3, dtype=torch.float64).expand(4, 3, 3)
    torch.testing.assert_close(matrices @ matrices.mT, identity)
    expected = [[[1, 0, 0], [0, 0, 1], [0, -1, 0]], [[0, 0, -1], [0, 1, 0], [1, 0, 0]]]
    torch.testing.assert_close(matrices[:2], torch.tensor(expected).double())
    x_axis_about_z = matrices[2] @ torch.tensor([1.0, 0, 0]).double()
    torch.testing.assert_close(x_axis_about_z, torch.tensor([0.0, -1, 0]).double())


def test_scales_are_drawn_from_the_whole_range() -> None:
    draws = draw(2000, 1, epoch_generator(0, 0))

    maps = linear_maps(2000, 3, ClipTransform(scale=(0.5, 1.5)), draws)

    scales = maps[:, 0, 0]
    assert 0.5 <= scales.min() < 0.51
    assert 1.49 < scales.max() <= 1.5


def test_every_pair_of_seed_and_epoch_has_its_own_draws() -> None:
    firsts = {
        torch.rand(1, generator=epoch_generator(seed, epoch)).item()
        for seed in range(10)
        for epoch in range(10)
    }

    assert len(firsts) == 100


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="must be >= 0, got -1 and 0"):
        epoch_generator(-1, 0)
