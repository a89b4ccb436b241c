"""Frequency attention: learnt masks on the spectrum of a map over time and joints.

The spectrum of a real map is computed and kept as its half v < V//2 + 1. The masks are made even,
M(k) = M(-k), which is what taking the real part of the inverse transform of a freely masked
spectrum amounts to.

Legend: B rows (persons of clips), C channels, T frames, V joints; u, v frequencies over T, V;
H = V//2 + 1.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from models.rows import without_autocast

FrequencyKind = Literal["rfa", "dfa", "sfa", "afa"]
FrequencyActivation = Literal["relu", "none"]
FourierNorm = Literal["ortho", "backward"]
Spectrum = Literal["full", "half"]
AmplitudePhase = Literal["drop", "keep"]
SharedMask = Literal["shared_params", "shared_mask"]


@dataclass(frozen=True, kw_only=True)
class FrequencyOptions:
    """kind: a mask each for cosine and sine part from a head each (`dfa`), and the input added
        (`rfa`); from one head (`sfa`); one mask from and for the amplitude (`afa`)
    ratio: the heads' hidden layer is that much narrower than the spectrum
    spectrum: the heads see and mask all frequencies, or the half that determines them
    afa_phase: `afa` leaves out the phase of the spectrum, or masks the spectrum with its phase
    sfa_mask: the one head makes a mask for each part, or one from the sum of both logits
    """

    kind: FrequencyKind = "rfa"
    ratio: int = 16
    activation: FrequencyActivation = "relu"
    norm: FourierNorm = "ortho"
    spectrum: Spectrum = "full"
    afa_phase: AmplitudePhase = "drop"
    sfa_mask: SharedMask = "shared_params"

    def __post_init__(self) -> None:
        if self.ratio < 1:
            raise ValueError(f"frequency_ratio must be at least 1, got {self.ratio}")


class FrequencyAttention(nn.Module):
    """IDFT(M_cos * Re F + i M_sin * Im F), plus x in `rfa`: (B, C, T, V) -> (B, C, T, V).

    F is the DFT of x over time and joints; M = sigmoid(FC(FC(mean of F over C))) is shared by the
    channels (arXiv 1811.04237). T and V have to be `num_frames` and `num_joints`. Computed
    in float32 or better, also under autocast.
    """

    def __init__(self, num_frames: int, num_joints: int, options: FrequencyOptions) -> None:
        super().__init__()
        self.options = options
        self.num_joints = num_joints
        columns = num_joints if options.spectrum == "full" else num_joints // 2 + 1
        num_heads = 2 if options.kind in ("dfa", "rfa") else 1
        self.heads = nn.ModuleList(
            _mask_head(num_frames * columns, options) for _ in range(num_heads)
        )

    def forward(self, x: Tensor) -> Tensor:
        with without_autocast(x):
            wide, spectrum = self._transformed(x)
            masked = self._masked(spectrum)
            out: Tensor = torch.fft.irfft2(masked, s=wide.shape[-2:], norm=self.options.norm)
            if self.options.kind == "rfa":
                out = wide + out
        return out.to(x.dtype)

    def masks(self, x: Tensor) -> tuple[Tensor, ...]:
        """Of the cosine and the sine part, or of the amplitude, (B, 1, T, H): to be looked at."""
        with without_autocast(x):
            return self._masks(self._transformed(x)[1])

    def _transformed(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x in float32 or better, and its spectrum."""
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        return wide, torch.fft.rfft2(wide, norm=self.options.norm)

    def _masked(self, spectrum: Tensor) -> Tensor:
        """The spectrum (B, C, T, H) after attention."""
        masks = self._masks(spectrum)
        if self.options.kind == "afa":
            return masks[0] * (spectrum.abs() if self.options.afa_phase == "drop" else spectrum)
        cosine, sine = masks
        return torch.complex(cosine * spectrum.real, sine * spectrum.imag)

    def _masks(self, spectrum: Tensor) -> tuple[Tensor, ...]:
        if self.options.kind == "afa":
            return (self._mask(self._logits(self.heads[0], spectrum.abs(), sign=1)),)
        cosine = self._logits(self.heads[0], spectrum.real, sign=1)
        sine = self._logits(self.heads[-1], -spectrum.imag, sign=-1)
        if self.options.kind == "sfa" and self.options.sfa_mask == "shared_mask":
            cosine = sine = cosine + sine
        return self._mask(cosine), self._mask(sine)

    def _logits(self, head: nn.Module, part: Tensor, sign: int) -> Tensor:
        """(B, T, V or H) of a part of the spectrum that is even (sign 1) or odd (-1)."""
        mean = part.mean(1)
        if self.options.spectrum == "full":
            mean = full_spectrum(mean, self.num_joints, sign)
        logits: Tensor = head(mean.flatten(1))
        return logits.view_as(mean)

    def _mask(self, logits: Tensor) -> Tensor:
        """Even mask of the half spectrum, (B, 1, T, H)."""
        mask = logits.sigmoid()
        even = half_of_even_part if self.options.spectrum == "full" else even_half
        return even(mask, self.num_joints).unsqueeze(1)


def full_spectrum(half: Tensor, num_joints: int, sign: int) -> Tensor:
    """(..., T, H) -> (..., T, V) of a spectrum with F(-k) = sign * F(k)."""
    rest = half[..., 1 : num_joints - half.shape[-1] + 1].flip(-1)
    return torch.cat((half, sign * negated(rest, -2)), dim=-1)


def half_of_even_part(mask: Tensor, num_joints: int) -> Tensor:
    """(M(k) + M(-k)) / 2 of a mask (..., T, V), for v in the half spectrum."""
    even = (mask + negated(mask, -2, -1)) / 2
    return even[..., : num_joints // 2 + 1]


def even_half(mask: Tensor, num_joints: int) -> Tensor:
    """A mask (..., T, H) that is even: v = 0, and V/2 of an even V, hold both k and -k."""
    column = torch.arange(mask.shape[-1], device=mask.device)
    return torch.where(2 * column % num_joints == 0, (mask + negated(mask, -2)) / 2, mask)


def negated(spectrum: Tensor, *axes: int) -> Tensor:
    """F(-k) along the axes: index 0 stays in place."""
    return spectrum.flip(axes).roll([1] * len(axes), axes)


def _mask_head(size: int, options: FrequencyOptions) -> nn.Sequential:
    hidden = max(1, size // options.ratio)
    activation = nn.ReLU() if options.activation == "relu" else nn.Identity()
    layers = (nn.Linear(size, hidden), activation, nn.Linear(hidden, size))
    for linear in (layers[0], layers[2]):
        nn.init.xavier_uniform_(linear.weight)
        nn.init.zeros_(linear.bias)
    return nn.Sequential(*layers)
