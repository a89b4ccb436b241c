"""SLnL-rFA: local and non-local blocks with residual frequency attention (arXiv 1811.04237)."""

import math
from collections import OrderedDict
from typing import Literal

from torch import nn

from models.frequency import (
    AmplitudePhase,
    FourierNorm,
    FrequencyActivation,
    FrequencyAttention,
    FrequencyKind,
    FrequencyOptions,
    SharedMask,
    Spectrum,
)
from models.interface import InputShape, SkeletonModel
from models.non_local import AttentionScale, KeyValuePool, NonLocalGate, NonLocalOptions, Part
from models.person_fusion import PersonFusion
from models.skeleton_transform import (
    Transform,
    TransformActivation,
    TransformNetwork,
    TransformOptions,
)
from models.slnl_blocks import (
    BlockOptions,
    ConvInit,
    DropoutPlace,
    DropoutUnit,
    FirstStage,
    InnerActivation,
    JointInput,
    NormOrder,
    PoolAxes,
    StackOptions,
    block_stack,
)
from models.slnl_network import (
    FusionPoint,
    HeadOptions,
    HeadPool,
    Inference,
    PersonOptions,
    SLnLNetwork,
)
from models.slnl_streams import InputNorm, Stream, Streams, Velocity, build_input_norm

StreamChoice = Literal["pos_vel", "pos", "vel"]
FrequencyChoice = Literal[FrequencyKind, "none"]

STREAMS: dict[StreamChoice, tuple[Stream, ...]] = {
    "pos_vel": ("pos", "vel"),
    "pos": ("pos",),
    "vel": ("vel",),
}


def slnl(
    shape: InputShape,
    *,
    streams: StreamChoice = "pos_vel",
    share_streams: bool = False,
    velocity: Velocity = "resize",
    input_norm: InputNorm = "coord",
    mask_absent: bool = True,
    person_fusion: PersonFusion = "max",
    fuse_at: FusionPoint = "map",
    transform: Transform = "cs",
    coordinate_systems: int = 10,
    new_joints: int = 64,
    transform_activation: TransformActivation = "none",
    frequency_attention: FrequencyChoice = "rfa",
    frequency_ratio: int = 16,
    frequency_activation: FrequencyActivation = "relu",
    fft_norm: FourierNorm = "ortho",
    spectrum: Spectrum = "full",
    afa_phase: AmplitudePhase = "drop",
    sfa_mask: SharedMask = "shared_params",
    channels: tuple[int, ...] = (64, 64, 128, 128, 256, 256),
    kernels: tuple[int, ...] = (3,),
    pool_every: int = 2,
    pool_last: bool = True,
    pool_axes: PoolAxes = "both",
    num_slnl_blocks: int = 5,
    non_local_parts: tuple[Part, ...] = ("t", "s", "st"),
    st_input: JointInput = "h",
    non_local_ratio: float = 0.5,
    non_local_scale: AttentionScale = "none",
    non_local_kv_pool: KeyValuePool = 1,
    non_local_gate: NonLocalGate = "conv",
    first_stage: FirstStage = "sum",
    inner_activation: InnerActivation = "none",
    norm_order: NormOrder = "post_add",
    shortcut_norm: bool = False,
    conv_init: ConvInit = "xavier",
    dropout: float = 0.2,
    dropout_unit: DropoutUnit = "element",
    dropout_at: DropoutPlace = "end",
    head_pool: HeadPool = "avg",
    head_hidden: int = 0,
    infer: Inference = "cat",
) -> SkeletonModel:
    """SLnL-rFA as for NTU RGB+D; where the paper leaves a choice open, the choice is an option.

    For Kinetics: channels (64, 64, 128, 128, 256, 256, 512, 512), kernels (5, 5, 3, 3, 3, 3, 3, 3)
    and clips of 128 frames. Frequency attention and `head_pool: flatten` tie the model to the
    number of frames it is built for.

    Args:
        shape: sizes of the clips; the skeleton's edges are not used.
        streams: positions, velocities, or both with a third head on both (table 3).
        share_streams: one body for both streams; input norms and heads stay separate.
        velocity: how the T - 1 differences become T: stretched, or followed by zero or a copy.
        input_norm: batch norm of every coordinate, of every joint's coordinate, or none.
        mask_absent: leave absent persons out; off treats their zeros as persons (HCN).
        person_fusion: what becomes of the persons of a clip, element by element.
        fuse_at: persons are fused before the last map is pooled, or after.
        transform: learnt coordinate systems and then learnt joints (`cs`), one of the two, two
            3x3 convolutions instead (`cnn`), or none (table 3).
        coordinate_systems: K of `c`, `cs` and `cnn`.
        new_joints: learnt joints of `s` and `cs`.
        transform_activation: between the two transformers of `cs`.
        frequency_attention: residual (`rfa`), decoupled, shared, on the amplitude (table 5), none.
        frequency_ratio: by which the hidden layer of its heads is narrower than the spectrum.
        frequency_activation: of that hidden layer.
        fft_norm: `ortho` starts with unsaturated masks; `backward` is the DFT as usually written.
        spectrum: its heads see all frequencies, or the half that determines the rest.
        afa_phase: `afa` leaves out the phase of the spectrum, or keeps it.
        sfa_mask: `sfa` makes a mask each for cosine and sine part, or one for both.
        channels: of every block.
        kernels: one odd size for all blocks, or one a block.
        pool_every: 2x2 max pooling after so many blocks.
        pool_last: also after the last block.
        pool_axes: halve frames and joints, or frames only.
        num_slnl_blocks: so many blocks, the first ones, have non-local modules (table 6).
        non_local_parts: over time, joints, or both; `t` alone is tSLnL, `s` alone sSLnL.
        st_input: `st` sees the first stage's output h or the block's input x.
        non_local_ratio: embedding channels of non-local modules / channels of the block.
        non_local_scale: none, or 1 / sqrt(embedding channels) inside the softmax.
        non_local_kv_pool: by which keys and values are max-pooled.
        non_local_gate: what starts at zero: W_z, a gain a channel, one gain, a batch norm's weight.
        first_stage: temporal and spatial convolution summed, concatenated or chained.
        inner_activation: between the convolutions of a block.
        norm_order: ReLU(BN(y + x)), ReLU(BN(y) + x) or BN(ReLU(y + x)).
        shortcut_norm: a batch norm on the shortcuts that change the number of channels.
        conv_init: uniform weights of the blocks' convolutions, by Xavier or by Kaiming.
        dropout: of each block.
        dropout_unit: drop single elements, or whole channels.
        dropout_at: at the end of the block, or before its norm.
        head_pool: how a stream's last map becomes its feature.
        head_hidden: width of a layer with ReLU before the classifiers, 0 for none.
        infer: scores of the head on both streams, or the sum of all heads.

    Raises:
        ValueError: on sizes out of range, or clips that do not survive the poolings.
    """
    transformer = TransformOptions(
        kind=transform,
        coordinate_systems=coordinate_systems,
        new_joints=new_joints,
        activation=transform_activation,
    )
    stack = StackOptions(
        channels=channels,
        kernels=kernels,
        num_slnl_blocks=num_slnl_blocks,
        parts=non_local_parts,
        pool_every=pool_every,
        pool_last=pool_last,
        pool_axes=pool_axes,
    )
    block = BlockOptions(
        first_stage=first_stage,
        inner_activation=inner_activation,
        norm_order=norm_order,
        shortcut_norm=shortcut_norm,
        conv_init=conv_init,
        dropout=dropout,
        dropout_unit=dropout_unit,
        dropout_at=dropout_at,
        st_input=st_input,
        non_local=NonLocalOptions(
            ratio=non_local_ratio,
            scale=non_local_scale,
            kv_pool=non_local_kv_pool,
            gate=non_local_gate,
        ),
    )
    frequency: FrequencyOptions | None = None
    if frequency_attention != "none":
        frequency = FrequencyOptions(
            kind=frequency_attention,
            ratio=frequency_ratio,
            activation=frequency_activation,
            norm=fft_norm,
            spectrum=spectrum,
            afa_phase=afa_phase,
            sfa_mask=sfa_mask,
        )
    joints = transformer.out_joints(shape.num_joints)
    map_size = stack.pooled_size(shape.num_frames, joints)
    flattened = head_pool == "flatten"

    def norm() -> nn.Module:
        return build_input_norm(input_norm, shape.num_channels, shape.num_joints)

    def body() -> nn.Module:
        parts = OrderedDict[str, nn.Module]()
        parts["transform"] = TransformNetwork(shape.num_channels, shape.num_joints, transformer)
        if frequency is not None:
            parts["frequency"] = FrequencyAttention(shape.num_frames, joints, frequency)
        parts["blocks"] = block_stack(transformer.out_channels(shape.num_channels), stack, block)
        return nn.Sequential(parts)

    return SLnLNetwork(
        Streams(STREAMS[streams], norm, body, velocity=velocity, shared=share_streams),
        channels[-1] * (math.prod(map_size) if flattened else 1),
        shape.num_classes,
        persons=PersonOptions(mask_absent=mask_absent, fusion=person_fusion, fuse_at=fuse_at),
        heads=HeadOptions(pool=head_pool, hidden=head_hidden, infer=infer),
        clip_sizes=(shape.num_channels, shape.num_joints),
        min_frames=max(2**stack.num_poolings, 1 if streams == "pos" else 2),
        num_frames=shape.num_frames if flattened or frequency is not None else None,
    )
