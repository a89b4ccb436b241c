"""What a model costs: parameters and multiply-accumulate operations."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from data.dataset import DatasetInfo
from models import MODELS
from models.interface import InputShape
from orchestrator.engine.config import TrialConfig, transform_of


@dataclass(frozen=True)
class ModelSummary:
    """Trainable parameters; MACs of one clip, all its persons (convolutions and products)."""

    num_params: int
    macs: int


def input_shape(config: TrialConfig, info: DatasetInfo) -> InputShape:
    return InputShape(
        num_classes=len(info.classes),
        num_channels=info.num_channels,
        num_frames=transform_of(config.data).clip_len,
        num_joints=info.num_joints,
        num_persons=info.num_persons,
        edges=info.edges,
        centre=info.centre,
    )


def build_model(config: TrialConfig, info: DatasetInfo) -> nn.Module:
    """The model of the configuration, weights drawn from its seed; ValueError of the builder."""
    torch.manual_seed(config.seed)
    model: nn.Module = MODELS[config.model.name](input_shape(config, info), **config.model.args)
    return model


def summarize(model: nn.Module, shape: InputShape) -> ModelSummary:
    """Counted on a copy-free forward pass of one clip of zeros in evaluation mode."""
    parameter = next(model.parameters())
    size = (1, shape.num_channels, shape.num_frames, shape.num_joints, shape.num_persons)
    clip = torch.zeros(size, device=parameter.device)
    was_training = model.training
    model.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(clip)
    model.train(was_training)
    num_params = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return ModelSummary(num_params, counter.get_total_flops() // 2)
