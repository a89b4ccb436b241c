import torch

from data.draws import draw, epoch_generator
from data.geometry import linear_maps, movements, rotation_matrices
from data.transform import ClipTransform


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
    draws = draw(2000, 1, 3, epoch_generator(0, 0))

    maps = linear_maps(2000, 3, ClipTransform(scale=(0.5, 1.5)), draws)

    scales = maps[:, 0, 0]
    assert 0.5 <= scales.min() < 0.51
    assert 1.49 < scales.max() <= 1.5


def test_two_coordinates_turn_as_the_first_two_of_three_about_z() -> None:
    transform = ClipTransform(rotation_deg=(0.0, 0.0, 40.0))
    draws = draw(50, 1, 3, epoch_generator(0, 0))

    flat = linear_maps(50, 2, transform, draws)

    assert torch.equal(flat, linear_maps(50, 3, transform, draws)[:, :2, :2])
    torch.testing.assert_close(flat @ flat.mT, torch.eye(2).expand(50, 2, 2))


def test_a_shear_has_a_unit_diagonal_and_bounded_entries_beside_it() -> None:
    draws = draw(2000, 1, 3, epoch_generator(0, 0))

    maps = linear_maps(2000, 3, ClipTransform(shear=0.5), draws)

    assert (maps.diagonal(dim1=1, dim2=2) == 1).all()
    beside = maps[:, ~torch.eye(3, dtype=torch.bool)]
    assert beside.min() < -0.49
    assert beside.max() > 0.49
    assert beside.abs().max() <= 0.5


def test_a_mirror_of_half_turns_x_around_in_about_half_of_the_clips() -> None:
    maps = linear_maps(1000, 3, ClipTransform(mirror=0.5), draw(1000, 1, 3, epoch_generator(0, 0)))

    assert (maps.diagonal(dim1=1, dim2=2)[:, 1:] == 1).all()
    assert 430 < (maps[:, 0, 0] == -1).sum() < 570
    assert 430 < (maps[:, 0, 0] == 1).sum() < 570


def test_evaluation_leaves_coordinates_as_they_are() -> None:
    transform = ClipTransform(shear=0.5, mirror=1.0, scale=(2.0, 2.0), rotation_deg=(9.0, 9.0, 9.0))

    assert torch.equal(linear_maps(3, 3, transform, None), torch.eye(3).expand(3, 3, 3))


def test_a_move_runs_evenly_between_values_of_st_gcn() -> None:
    moves = movements(31, draw(500, 31, 3, epoch_generator(0, 0)))

    sizes, shifts = moves[:, :2].square().sum(dim=1).sqrt(), moves[:, 2:]
    angles = torch.atan2(moves[:, 1], moves[:, 0]).rad2deg()
    ends = {round(angle, 3) for angle in angles[:, [0, -1]].flatten().tolist()}
    assert ends == {-10.0, -5.0, 0.0, 5.0, 10.0}
    assert {round(s, 3) for s in sizes[:, 0].tolist()} == {0.9, 1.0, 1.1}
    assert {round(s, 3) for s in shifts[..., -1].flatten().tolist()} == {-0.2, -0.1, 0, 0.1, 0.2}
    for values in (angles, sizes, shifts):
        torch.testing.assert_close(
            values.diff(n=2), torch.zeros_like(values[..., 2:]), atol=1e-4, rtol=0
        )
