"""Frequency attention against the literal two-dimensional DFT."""

import pytest
import torch
from torch import nn

from models.frequency import FrequencyAttention, FrequencyOptions, even_half

SIZES = [(64, 64), (128, 64), (64, 25), (128, 18), (9, 7), (8, 6)]
CLOSE = {"atol": 1e-12, "rtol": 1e-12}
GOLDEN = [
    [12.168210117494, 12.527126794514, 13.868525548113],
    [16.327022202765, 16.905573275010, 18.456640157823],
    [19.180678650404, 19.921682631390, 21.632662413816],
    [22.050419241274, 22.948142407583, 24.737719304134],
]


class FixedMask(nn.Module):
    """A head whose mask does not depend on its input."""

    def __init__(self, mask):
        super().__init__()
        self.logits = torch.logit(mask).flatten()

    def forward(self, x):
        return self.logits.expand(len(x), -1)


def attention(frames, joints, masks=(), **options):
    torch.manual_seed(0)
    module = FrequencyAttention(frames, joints, FrequencyOptions(**options)).double()
    for index, mask in enumerate(masks):
        module.heads[index] = FixedMask(mask)
    return module


def maps(frames, joints, n=2, c=3):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n, c, frames, joints, generator=generator, dtype=torch.float64)


def random_masks(*size):
    return torch.rand(2, *size, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def literal(x, mask_cos, mask_sin, norm="ortho"):
    spectrum = torch.fft.fft2(x, norm=norm)
    masked = torch.complex(mask_cos * spectrum.real, mask_sin * spectrum.imag)
    return torch.fft.ifft2(masked, norm=norm).real


def reversed_in_time_and_joints(x):
    return x.flip(-2, -1).roll((1, 1), (-2, -1))


@pytest.mark.parametrize("norm", ["ortho", "backward"])
@pytest.mark.parametrize("size", SIZES)
def test_the_half_spectrum_gives_the_real_part_of_the_literal_inverse(size, norm):
    masks, x = random_masks(*size), maps(*size)

    y = attention(*size, masks, kind="dfa", norm=norm)(x)

    torch.testing.assert_close(y, literal(x, *masks, norm), **CLOSE)


def test_golden_values_of_decoupled_and_residual_attention():
    t, j = torch.meshgrid(torch.arange(4.0), torch.arange(3.0), indexing="ij")
    x = (1 + 3 * t + j).double()[None, None] ** 1.5
    masks = [1 / (1 + t + 2 * j).double(), 1 / (1 + 2 * t + j).double()]

    decoupled = attention(4, 3, masks, kind="dfa")(x)
    residual = attention(4, 3, masks, kind="rfa")(x)

    golden = torch.tensor(GOLDEN, dtype=torch.float64)[None, None]
    torch.testing.assert_close(decoupled, golden, **CLOSE)
    torch.testing.assert_close(residual, x + golden, **CLOSE)


@pytest.mark.parametrize(("kind", "factor"), [("dfa", 0.5), ("sfa", 0.5), ("rfa", 1.5)])
@pytest.mark.parametrize("spectrum", ["full", "half"])
def test_heads_without_weights_halve_the_spectrum(kind, factor, spectrum):
    module, x = attention(5, 4, kind=kind, spectrum=spectrum), maps(5, 4)
    for head in module.heads:
        nn.init.zeros_(head[2].weight)

    torch.testing.assert_close(module(x), factor * x, **CLOSE)


@pytest.mark.parametrize(("cos", "sin", "sign"), [(1, 1, None), (1, 0, 1), (0, 1, -1)])
def test_cosine_and_sine_masks_alone_leave_the_even_and_the_odd_part(cos, sin, sign):
    ones, x = torch.ones(5, 4, dtype=torch.float64), maps(5, 4)
    expected = x if sign is None else (x + sign * reversed_in_time_and_joints(x)) / 2

    y = attention(5, 4, [cos * ones, sin * ones], kind="dfa")(x)

    torch.testing.assert_close(y, expected, **CLOSE)


@pytest.mark.parametrize("size", [(6, 8), (5, 7), (4, 2), (3, 1)])
def test_masks_of_the_half_spectrum_stand_for_the_other_half(size):
    frames, joints = size
    masks = random_masks(frames, joints // 2 + 1)
    u, v = torch.meshgrid(torch.arange(frames), torch.arange(joints), indexing="ij")
    stored = v <= joints // 2
    full = masks[:, torch.where(stored, u, -u % frames), torch.where(stored, v, -v % joints)]

    y = attention(*size, masks, kind="dfa", spectrum="half")(maps(*size))

    torch.testing.assert_close(y, literal(maps(*size), *full), **CLOSE)


@pytest.mark.parametrize(("joints", "columns"), [(6, [0, 3]), (5, [0])])
def test_columns_that_hold_both_signs_become_even(joints, columns):
    mask = random_masks(4, joints // 2 + 1)[0]

    even = even_half(mask, joints)

    changed = [v for v in range(mask.shape[1]) if not torch.equal(even[:, v], mask[:, v])]
    assert changed == columns
    assert torch.equal(even[1, columns], even[3, columns])


@pytest.mark.parametrize("size", [(6, 8), (5, 7), (3, 1)])
def test_heads_see_the_mean_spectrum_in_the_order_of_the_time_frequency(size):
    module, x, seen = attention(*size, kind="rfa"), maps(*size), []
    for head in module.heads:
        head.register_forward_pre_hook(lambda _, given: seen.append(given[0]))

    module(x)

    mean = torch.fft.fft2(x, norm="ortho").mean(1)
    torch.testing.assert_close(seen[0], mean.real.flatten(1), **CLOSE)
    torch.testing.assert_close(seen[1], -mean.imag.flatten(1), **CLOSE)


def test_the_amplitude_without_phase_is_what_afa_sees_and_leaves():
    mask, x, seen = random_masks(6, 5)[0], maps(6, 5), []
    module = attention(6, 5, [mask], kind="afa")
    module.heads[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))

    y = module(x)

    amplitude = torch.fft.fft2(x, norm="ortho").abs()
    torch.testing.assert_close(seen[0], amplitude.mean(1).flatten(1), **CLOSE)
    torch.testing.assert_close(y, torch.fft.ifft2(mask * amplitude, norm="ortho").real, **CLOSE)


def test_afa_with_phase_masks_both_parts_alike():
    mask, x = random_masks(6, 5)[0], maps(6, 5)

    y = attention(6, 5, [mask], kind="afa", afa_phase="keep")(x)

    torch.testing.assert_close(y, literal(x, mask, mask), **CLOSE)


def test_sfa_has_one_head_that_sees_both_parts():
    shared, x = attention(6, 5, kind="sfa"), maps(6, 5)
    decoupled = attention(6, 5, kind="dfa")
    for head in decoupled.heads:
        head.load_state_dict(shared.heads[0].state_dict())

    torch.testing.assert_close(shared(x), decoupled(x), **CLOSE)


def test_one_mask_for_both_parts_follows_from_the_sum_of_the_logits():
    logits = torch.randn(6, 5, dtype=torch.float64)
    module = attention(6, 5, [logits.sigmoid()], kind="sfa", sfa_mask="shared_mask")
    mask = (2 * logits).sigmoid()

    torch.testing.assert_close(module(maps(6, 5)), literal(maps(6, 5), mask, mask), **CLOSE)


@pytest.mark.parametrize("kind", ["rfa", "dfa", "sfa", "afa"])
@pytest.mark.parametrize("spectrum", ["full", "half"])
def test_gradients_are_those_of_finite_differences(kind, spectrum):
    module = attention(4, 3, kind=kind, spectrum=spectrum, ratio=4)

    assert torch.autograd.gradcheck(module, maps(4, 3, n=1, c=2).requires_grad_())


def test_autocast_leaves_the_spectrum_in_float32():
    module, x = attention(6, 5).float(), maps(6, 5).float()

    with torch.autocast("cpu", dtype=torch.bfloat16):
        y, from_half = module(x), module(x.bfloat16())

    assert torch.equal(y, module(x))
    assert from_half.dtype == torch.bfloat16


def test_a_ratio_below_one_is_refused():
    with pytest.raises(ValueError, match="frequency_ratio must be at least 1, got 0"):
        FrequencyOptions(ratio=0)


@pytest.mark.parametrize("kind", ["rfa", "dfa", "sfa"])
def test_the_masks_that_are_looked_at_are_what_multiplies_the_spectrum(kind):
    module, x = attention(8, 6, kind=kind), maps(8, 6)

    cosine, sine = module.masks(x)

    spectrum = torch.fft.rfft2(x, norm="ortho")
    masked = torch.complex(cosine * spectrum.real, sine * spectrum.imag)
    expected = torch.fft.irfft2(masked, s=(8, 6), norm="ortho") + (x if kind == "rfa" else 0)
    torch.testing.assert_close(module(x), expected, **CLOSE)
