import pytest
import torch

from data.draws import draw, epoch_generator


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


def test_draws_are_made_in_an_order_that_new_options_only_lengthen() -> None:
    draws = draw(5, 8, 25, epoch_generator(1, 2))

    generator = epoch_generator(1, 2)
    for values in draws:
        again = torch.rand(values.shape, generator=generator, dtype=torch.float64)
        assert torch.equal(values, again)
    assert draws._fields[:5] == ("share", "start", "angles", "scale", "frames")


def test_some_clips_have_the_draws_they_have_among_all() -> None:
    draws = draw(6, 4, 3, epoch_generator(0, 0))

    part = draws.of(slice(2, 4))

    assert all(torch.equal(some, whole[2:4]) for some, whole in zip(part, draws, strict=True))
