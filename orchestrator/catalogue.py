"""What the models of the table are and cost: `skeltune models`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from models import MODELS
from models.interface import InputShape
from models.skeletons import SKELETONS
from orchestrator.engine.config import Document, ModelSpec
from orchestrator.engine.documents import Raw, changed, unknown_name, validated
from orchestrator.engine.network import ModelSummary, one_clip, peak_activation_bytes, summarize
from orchestrator.reports.table import Table


class _ModelDocument(Document):
    model: ModelSpec


@dataclass(frozen=True)
class Description:
    """One model with its options, at one input shape; memory in bytes, one clip in training."""

    name: str
    about: str
    shape: InputShape
    options: Raw
    summary: ModelSummary
    activation_bytes: int
    outputs: dict[str, list[int]]

    @property
    def input(self) -> list[int]:
        s = self.shape
        return [1, s.num_channels, s.num_frames, s.num_joints, s.num_persons]

    def plain(self) -> Raw:
        return {
            "name": self.name,
            "about": self.about,
            "params": self.summary.num_params,
            "macs": self.summary.macs,
            "peak_activation_bytes": self.activation_bytes,
            "input": self.input,
            "num_classes": self.shape.num_classes,
            "outputs": self.outputs,
            "options": self.options,
        }


def shape_of(
    skeleton: str, *, classes: int, persons: int, frames: int, channels: int
) -> InputShape:
    """Raises ValueError for a skeleton that has no name here, or a size below one."""
    if skeleton not in SKELETONS:
        raise ValueError(f"skeleton {skeleton!r}: {unknown_name(skeleton, list(SKELETONS))}")
    sizes = {"classes": classes, "persons": persons, "frames": frames, "channels": channels}
    if too_small := [f"{name}={size}" for name, size in sizes.items() if size < 1]:
        raise ValueError(f"sizes must be at least 1, got {', '.join(too_small)}")
    known = SKELETONS[skeleton]
    return InputShape(
        num_classes=classes,
        num_channels=channels,
        num_frames=frames,
        num_joints=known.num_joints,
        num_persons=persons,
        edges=known.edges,
        centre=known.centre,
    )


def about(name: str) -> str:
    """The first sentence of the model's module: what it is and in which paper."""
    text = inspect.getdoc(inspect.getmodule(MODELS[name])) or ""
    return text.split("\n\n")[0].replace("\n", " ").removesuffix(".")


def describe(name: str, changes: Mapping[str, Any], shape: InputShape) -> Description:
    """Built and run once on the CPU. `SpecError` for unknown options, ValueError of the builder."""
    if "name" in changes:
        raise ValueError(
            f"name is not an option of {name}; say `models describe {changes['name']}`"
        )
    document = changed({"name": name}, changes, f"model {name}")
    spec = validated(_ModelDocument, {"model": document}, f"model {name}").model
    torch.manual_seed(0)
    model = MODELS[name](shape, **spec.args)
    activation_bytes = peak_activation_bytes(model, shape)
    output = model.eval()(one_clip(model, shape))
    outputs = {**output.heads, "scores": output.scores, "embedding": output.embedding}
    return Description(
        name=name,
        about=about(name),
        shape=shape,
        options=spec.model_dump(mode="json", exclude={"name"}),
        summary=summarize(model, shape),
        activation_bytes=activation_bytes,
        outputs={name: list(tensor.shape) for name, tensor in outputs.items()},
    )


def description_table(told: Description) -> Table:
    rows = [
        ("input", f"{_sizes(told.input)}, {told.shape.num_classes} classes"),
        ("parameters", f"{told.summary.num_params:,}"),
        ("multiply-accumulates", f"{told.summary.macs / 1e9:.3f} G"),
        ("peak of activations", f"{told.activation_bytes / 2**20:.1f} MiB"),
        *((f"output {name}", _sizes(size)) for name, size in told.outputs.items()),
        *((f"option {key}", f"{value}") for key, value in told.options.items()),
    ]
    note = (
        "Sizes are N C T V M. Multiply-accumulates (of convolutions and matrix products) and "
        "activations (in training) are those of one clip with all its persons present."
    )
    return Table(told.about, ("", told.name), tuple(rows), (note,))


def list_table(shape: InputShape) -> Table:
    """Every model with its defaults."""
    rows = []
    for name, builder in MODELS.items():
        summary = summarize(builder(shape), shape)
        figures = (f"{summary.num_params:,}", f"{summary.macs / 1e9:.3f}")
        rows.append((name, about(name), *figures))
    columns = ("model", "what it is", "parameters", "GMACs a clip")
    notes = (
        f"{shape.num_classes} classes, {shape.num_joints} joints, {shape.num_persons} persons, "
        f"{shape.num_frames} frames. `skeltune models describe NAME` tells the options.",
    )
    return Table("Models", columns, tuple(rows), notes)


def _sizes(size: list[int]) -> str:
    return " x ".join(map(str, size))
