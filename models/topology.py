"""Graph convolution with a refined topology: CTR-GC, and MDR-GCN's CVSTA on top of it.

Legend: N batch (persons folded in), C channels in or out, R middle channels, K subsets, T frames,
V joints (u target, w source).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from models.aggregation import Factors, aggregate, aggregate_maps
from models.norms import BodyNorm
from models.pointwise import Pointwise, SubsetPointwise, projection

Activation = Literal["tanh", "sigmoid", "hardswish"]
HeadOrder = Literal["act_conv", "conv_act"]
Pair = Literal["add", "sub"]
AlphaSharing = Literal["layer", "subset"]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "hardswish": nn.Hardswish,
}


@dataclass(frozen=True, kw_only=True)
class TopologyOptions:
    """What distinguishes MDR-GCN's graph convolution (the defaults) from CTR-GCN's.

    cvsta: refine the features with the spatio-temporal attention before they are aggregated
    share_spatial: CVSTA's spatial vector p_s is also the second vector of the topology
    alpha_per: one scale of the dynamic topology a layer, or one a subset
    """

    cvsta: bool = True
    pair: Pair = "add"
    activation: Activation = "tanh"
    head_order: HeadOrder = "act_conv"
    share_spatial: bool = True
    alpha_per: AlphaSharing = "layer"


class TopologyGraphConv(nn.Module):
    """The sum of the subsets' graph convolutions: (N, C, T, V) -> (N, C', T, V).

    With S = W_a(sigma(p_t * p_s)) (CVSTA, MDR-GCN eq. 3) and B = W_g(sigma(p_q[u] +- p_s[w]))
    (eq. 5), y[t, u] = sum_k sum_w (A_k[u, w] + alpha * B_k[u, w]) * (S_k * X_k)[t, w] (eq. 4, 6).
    The row of A is the target. alpha starts at zero: the dynamic topology is learnt from nothing.
    Vectors are convolved after pooling, which is the same and cheaper.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        mid_channels: int,
        adjacency: Tensor,
        options: TopologyOptions,
    ) -> None:
        super().__init__()
        subsets = len(adjacency)
        self.num_subsets = subsets
        self.options = options
        self.num_vectors = 3 if options.cvsta and not options.share_spatial else 2
        self.adjacency = nn.Parameter(adjacency.to(torch.get_default_dtype(), copy=True))
        alphas = subsets if options.alpha_per == "subset" else 1
        self.alpha = nn.Parameter(torch.zeros(alphas, 1, 1))
        self.activation = ACTIVATIONS[options.activation]()
        self.joint_vectors = Pointwise(in_channels, mid_channels, copies=self.num_vectors * subsets)
        self.topology_head = SubsetPointwise(mid_channels, out_channels, subsets)
        self.features = Pointwise(in_channels, out_channels, copies=subsets)
        if options.cvsta:
            self.frame_vectors = Pointwise(in_channels, mid_channels, copies=subsets)
            self.attention_head = SubsetPointwise(mid_channels, out_channels, subsets)

    def forward(self, x: Tensor) -> Tensor:
        target, source, *separate = self._joint_vectors(x)
        features = _split_channels(self.features(x), self.num_subsets)  # N K C' T V
        pairs = self._pairs(target, source)
        spread = self._spread(x, separate[0] if separate else source)
        if self.options.head_order == "conv_act":
            return aggregate_maps(features, *self._activated_maps(pairs, spread))
        return aggregate(features, *self._factors(pairs, spread))

    def attention(self, x: Tensor) -> Tensor:
        """CVSTA's S of the input, (N, K, C', T, V), in one piece: to be looked at."""
        assert self.options.cvsta
        _, source, *separate = self._joint_vectors(x)
        spread = self._spread(x, separate[0] if separate else source)
        head, activation = self.attention_head, self.activation
        is_activated_last = self.options.head_order == "conv_act"
        attention: Tensor = (
            activation(head(spread)) if is_activated_last else head(activation(spread))
        )
        return attention

    def _joint_vectors(self, x: Tensor) -> tuple[Tensor, ...]:
        vectors = self.joint_vectors(x.mean(2, keepdim=True)).squeeze(2)
        return _split_channels(vectors, self.num_vectors, self.num_subsets).unbind(1)  # N K R V

    def _pairs(self, target: Tensor, source: Tensor) -> Tensor:
        """p_q[u] +- p_s[w] as (N, K, R, w, u), the order that the aggregation needs."""
        target, source = target.unsqueeze(-2), source.unsqueeze(-1)
        return target + source if self.options.pair == "add" else target - source

    def _spread(self, x: Tensor, spatial: Tensor) -> Tensor | None:
        """CVSTA's p_t * p_s (N, K, R, T, V)."""
        if not self.options.cvsta:
            return None
        frames = self.frame_vectors(x.mean(3, keepdim=True))
        return _split_channels(frames, self.num_subsets) * spatial.unsqueeze(-2)

    def _factors(self, pairs: Tensor, spread: Tensor | None) -> Iterator[Factors]:
        """Topology A + alpha * W_g sigma(pairs) and attention W_a sigma(spread), as factors."""
        head = self.topology_head
        offset = self.adjacency.mT.flatten(1).unsqueeze(1) + self.alpha * head.bias
        yield Factors(self.alpha * head.weight, self.activation(pairs).flatten(3), offset)
        if spread is not None:
            head = self.attention_head
            yield Factors(head.weight, self.activation(spread).flatten(3), head.bias)

    def _activated_maps(self, pairs: Tensor, spread: Tensor | None) -> Iterator[Tensor]:
        """Topology A + alpha * sigma(W_g pairs) and attention sigma(W_a spread)."""
        dynamic = self.activation(self.topology_head(pairs))
        yield self.adjacency.mT.unsqueeze(1) + self.alpha.unsqueeze(-1) * dynamic
        if spread is not None:
            yield self.activation(self.attention_head(spread))


class TopologyUnit(nn.Module):
    """Graph convolution, batch norm, shortcut and ReLU: (N, C, T, V) -> (N, C', T, V).

    The batch norm's weight starts at 1e-6: a fresh unit is almost its shortcut.
    """

    def __init__(self, conv: nn.Module, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = conv
        self.norm = BodyNorm(out_channels)
        nn.init.constant_(self.norm.weight, 1e-6)
        self.shortcut = projection(in_channels, out_channels, stride=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.conv(x))
        return out.add_(self.shortcut(x)).relu_()


def _split_channels(x: Tensor, *sizes: int) -> Tensor:
    return x.view(x.shape[0], *sizes, -1, *x.shape[2:])
