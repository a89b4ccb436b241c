"""Checkpoints in the layouts that the authors of the models published."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from models import MODELS
from models.interface import InputShape, SkeletonModel
from models.published_g3d import dualhead_slots, msg3d_slots
from models.published_sizes import (
    NTU60,
    Found,
    Shapes,
    ctrgcn_options,
    ctrgcn_sizes,
    dualhead_options,
    mdrgcn_options,
    msg3d_options,
    msg3d_sizes,
    persons,
    stgcn_options,
    stgcn_sizes,
)
from models.published_slots import COUNTER, Slot
from models.published_stgcn import stgcn_slots
from models.published_topology import topology_slots
from models.skeletons import SKELETONS

MAX_LISTED = 10
NUM_FRAMES = 64
SIZES = ("num_classes", "num_channels", "num_frames", "num_joints", "num_persons")
DEFAULT_SKELETONS = {25: "ntu25", 18: "openpose18", 17: "coco17"}


class Layout(NamedTuple):
    """slots: what of the checkpoint goes where; sizes, options: what its shapes tell."""

    slots: Callable[[nn.Module], Iterable[Slot]]
    sizes: Callable[[Shapes], Found]
    options: Callable[[Shapes], Found]


LAYOUTS: dict[str, Layout] = {
    "stgcn": Layout(stgcn_slots, stgcn_sizes, stgcn_options),
    "ctrgcn": Layout(topology_slots, ctrgcn_sizes, ctrgcn_options),
    "mdrgcn": Layout(topology_slots, ctrgcn_sizes, mdrgcn_options),
    "msg3d": Layout(msg3d_slots, msg3d_sizes, msg3d_options),
    "dualhead": Layout(dualhead_slots, msg3d_sizes, dualhead_options),
}


@torch.no_grad()
def load_published(
    name: str, state_dict: Mapping[str, Tensor], /, **build_args: Any
) -> SkeletonModel:
    """Our model of that name with the weights of a published checkpoint, in evaluation mode.

    Sizes and options are read off the shapes as far as they tell; the rest are the builder's
    defaults. The model is in the dtype of the weights, float32 at least. A prefix `module.` of all
    keys is dropped.

    Args:
        name: a model with a published layout.
        state_dict: the checkpoint's tensors by their published keys.
        build_args: what overrides the readings: `num_classes`, `num_channels`, `num_frames` (64),
            `num_joints`, `num_persons`; `skeleton`, a name of `SKELETONS`, or `edges` and
            `centre`; options of the builder.

    Raises:
        ValueError: on an unknown name, option or skeleton, and, once for all of them, on keys that
            are missing, extra or of another shape than the model's. Only the batch norms' counters
            may be missing.
    """
    layout = _named("model", name, LAYOUTS)
    theirs = _without_wrapper(state_dict)
    model = _built(name, layout, theirs, build_args)
    slots = list(layout.slots(model))
    _check_covered(name, model, slots)
    _check_fits(name, slots, theirs)
    for slot in slots:
        if slot.key in theirs:
            slot.target.copy_(theirs[slot.key].reshape(slot.target.shape))
    return model


def published_options(name: str, state_dict: Mapping[str, Tensor]) -> dict[str, Any]:
    """The builder's options as far as the shapes of a published checkpoint tell them."""
    layout = _named("model", name, LAYOUTS)
    return _known(layout.options(Shapes(_without_wrapper(state_dict))))


def _built(
    name: str, layout: Layout, theirs: Mapping[str, Tensor], build_args: Mapping[str, Any]
) -> SkeletonModel:
    """The model that the shapes and arguments describe, in the dtype of the weights."""
    shapes = Shapes(theirs)
    args = {key: _frozen(value) for key, value in build_args.items()}
    shape = _input_shape(layout, shapes, args)
    options = _known(layout.options(shapes)) | args
    _check_options(name, options)
    return MODELS[name](shape, **options).to(_dtype(theirs)).eval()


def _named(kind: str, name: str, table: Mapping[str, Any]) -> Any:
    if name not in table:
        raise ValueError(f"{kind} must be one of {', '.join(table)}, got {name!r}")
    return table[name]


def _without_wrapper(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors by their keys, which `DataParallel` begins with `module.`."""
    wrapped = all(key.startswith("module.") for key in state_dict)
    return {key.removeprefix("module." if wrapped else ""): t for key, t in state_dict.items()}


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def _known(found: Found) -> Found:
    return {key: value for key, value in found.items() if value is not None}


def _input_shape(layout: Layout, shapes: Shapes, args: dict[str, Any]) -> InputShape:
    """Takes what describes the clips out of `args`; the rest are options."""
    told = _known(layout.sizes(shapes)) | {key: args.pop(key) for key in SIZES if key in args}
    sizes: Found = {"num_frames": NUM_FRAMES} | NTU60 | told
    if "num_persons" not in told:
        found = persons(shapes, sizes["num_joints"], sizes["num_channels"])
        sizes |= _known({"num_persons": found})
    return InputShape(**sizes, **_skeleton(sizes["num_joints"], args))


def _skeleton(num_joints: int, args: dict[str, Any]) -> dict[str, Any]:
    """Edges and centre, given or of a named skeleton; taken out of `args`."""
    own: dict[str, Any] = {key: args.pop(key) for key in ("edges", "centre") if key in args}
    if len(own) == 2:
        return own
    name = args.pop("skeleton", DEFAULT_SKELETONS.get(num_joints))
    if own or name is None:
        raise ValueError(
            f"edges and centre must both be given, or a skeleton, for {num_joints} joints, "
            f"got {own or 'none'}"
        )
    skeleton = _named("skeleton", name, SKELETONS)
    if skeleton.num_joints != num_joints:
        raise ValueError(
            f"skeleton must have {num_joints} joints, got {name!r} with {skeleton.num_joints}"
        )
    return {"edges": skeleton.edges, "centre": skeleton.centre}


def _check_options(name: str, options: Mapping[str, Any]) -> None:
    parameters = inspect.signature(MODELS[name]).parameters.values()
    known = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    unknown = [option for option in options if option not in known]
    if unknown:
        raise ValueError(f"options of {name} are {', '.join(known)}, got {', '.join(unknown)}")


def _dtype(state_dict: Mapping[str, Tensor]) -> torch.dtype:
    """The widest of the floating tensors, at least float32."""
    dtypes = {t.dtype for t in state_dict.values() if t.is_floating_point()}
    return reduce(torch.promote_types, dtypes, torch.float32)


def _check_covered(name: str, model: nn.Module, slots: Iterable[Slot]) -> None:
    """ValueError unless every element of every parameter has a place in the published layout."""
    filled: dict[int, int] = {}
    for slot in slots:
        storage = slot.target.untyped_storage().data_ptr()
        filled[storage] = filled.get(storage, 0) + slot.target.numel()
    own = [
        key
        for key, parameter in model.named_parameters()
        if filled.get(parameter.untyped_storage().data_ptr()) != parameter.numel()
    ]
    if own:
        raise ValueError(
            f"options must give {name} no parameters but the published ones, got:\n{_listed(own)}"
        )


def _check_fits(name: str, slots: Iterable[Slot], theirs: Mapping[str, Tensor]) -> None:
    expected = {slot.key: slot.shape for slot in slots}
    given = {key: tuple(tensor.shape) for key, tensor in theirs.items()}
    misshapen = [
        f"{key}: expected {expected[key]}, got {given[key]}"
        for key in expected
        if key in given and given[key] != expected[key]
    ]
    extra = [f"{key}: not expected, got {given[key]}" for key in given if key not in expected]
    missing = [
        f"{key}: expected {expected[key]}, missing"
        for key in expected
        if key not in given and not key.endswith(COUNTER)
    ]
    if misshapen or extra or missing:
        raise ValueError(
            f"keys of the state dict must be those of {name}: {len(misshapen)} of another shape, "
            f"{len(extra)} extra, {len(missing)} missing:\n{_listed(misshapen + extra + missing)}"
        )


def _listed(items: list[str]) -> str:
    more = len(items) - MAX_LISTED
    shown = items[:MAX_LISTED] + ([f"and {more} more"] if more > 0 else [])
    return "\n".join(shown)
