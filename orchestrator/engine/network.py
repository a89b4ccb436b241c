"""The network of a trial: built from its configuration, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry, sdpa_flop_count

from data.dataset import DatasetInfo
from losses import LOSSES
from losses.margin import MarginLoss
from models import MODELS
from models.interface import InputShape, SkeletonModel
from orchestrator.engine.config import ComponentSpec, TrialConfig, transform_of
from orchestrator.engine.files import load_state
from orchestrator.engine.memory import peak_bytes

Tensors = dict[str, Tensor]


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


def build_model(config: TrialConfig, info: DatasetInfo) -> SkeletonModel:
    """The model of the configuration, its weights drawn from the seed.

    A margin loss puts its own classifier in place of the model's linear one. Raises ValueError
    where the options or the loss do not fit.
    """
    model = _fresh_model(config, config.model, info)
    if config.init_like is not None:
        other_seed = config.model_copy(update={"seed": config.seed + 1})
        redrawn = _fresh_model(other_seed, config.model, info)
        share_init(model, _fresh_model(config, config.init_like, info), redrawn)
    return model


def _fresh_model(config: TrialConfig, spec: ComponentSpec, info: DatasetInfo) -> SkeletonModel:
    torch.manual_seed(config.seed)
    model = MODELS[spec.name](input_shape(config, info), **spec.args)
    loss = build_classification(config)
    if isinstance(loss, MarginLoss):
        replace_classifiers(model, loss, len(info.classes))
    return model


def decides_the_model(config: TrialConfig) -> list[Any]:
    """What of a configuration a model follows from, but for its clips, its seed and its weights."""
    plain = config.plain()
    is_margin = isinstance(build_classification(config), MarginLoss)  # replaces the classifier
    return [plain["model"], plain["loss"]["classification"] if is_margin else None]


def share_init(model: nn.Module, twin: nn.Module, redrawn: nn.Module) -> None:
    """Copy the twin's tensors of equal name and shape, of those that are drawn.

    `redrawn` is the model from another seed: what is the same there (a graph, zeros, ones) is the
    model's own and stays. Models of one structure draw alike already: where they differ, that is
    meant (another way of initialisation), so nothing is copied.
    """
    own, other, redraw = model.state_dict(), twin.state_dict(), redrawn.state_dict()
    alike = {k: v for k, v in other.items() if k in own and own[k].shape == v.shape}
    if len(alike) < max(len(own), len(other)):
        drawn = {k: v for k, v in alike.items() if not torch.equal(own[k], redraw[k])}
        model.load_state_dict({**own, **drawn})


def load_init_weights(model: nn.Module, config: TrialConfig) -> None:
    """What a trial starts from; ValueError where the file has changed or does not fit."""
    if config.init_weights is not None:
        config.init_weights.require_unchanged()
        load_weights(model, config.init_weights.file)


def build_classification(config: TrialConfig) -> nn.Module:
    spec = config.loss.classification
    loss: nn.Module = LOSSES["classification"][spec.name](**spec.args)
    return loss


def build_embedding_loss(
    config: TrialConfig, num_classes: int, embedding_dim: int
) -> nn.Module | None:
    """Its centres are drawn from the seed alone: the same whatever model was drawn before them."""
    if (spec := config.loss.embedding) is None:
        return None
    torch.manual_seed(config.seed)
    loss: nn.Module = LOSSES["embedding"][spec.name](num_classes, embedding_dim, **spec.args)
    return loss


class Piece(NamedTuple):
    """A module by its type and the shapes of the parameters that are its own."""

    kind: str
    shapes: dict[str, tuple[int, ...]]


def layout(model: nn.Module) -> dict[str, Piece]:
    """Every module of the model by its name."""
    return {
        name: Piece(
            type(module).__name__,
            {key: tuple(p.shape) for key, p in module.named_parameters(recurse=False)},
        )
        for name, module in model.named_modules()
    }


def replace_classifiers(model: SkeletonModel, loss: MarginLoss, num_classes: int) -> None:
    """Raise ValueError if the loss needs the one feature that the model's classifier is given."""
    widths = {head: _width(linear) for head, linear in model.classifiers.items()}
    if loss.takes_embedding and list(widths.values()) != [model.embedding_dim]:
        raise ValueError(
            f"{type(loss).__name__} needs a model with one head whose input is the embedding, got "
            f"heads {', '.join(widths)} and an embedding of {model.embedding_dim} channels"
        )
    for head, width in widths.items():
        model.classifiers[head] = loss.make_classifier(width, num_classes)


def _width(classifier: nn.Module) -> int:
    assert isinstance(classifier, nn.Linear)
    return classifier.in_features


def read_weights(path: Path) -> Tensors:
    """The tensors by name; ValueError where the file cannot be read or has no weights of ours."""
    try:
        given = load_state(path)["model"]
        if not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in given.items()):
            raise TypeError("not all of it are tensors by name")
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None
    except (UnpicklingError, RuntimeError, LookupError, TypeError, AttributeError, EOFError):
        raise ValueError(
            f"{path} holds no weights of ours; published ones: `skeltune weights import`"
        ) from None
    weights: Tensors = given
    return weights


def load_weights(model: nn.Module, path: Path, *, whole: bool = False) -> None:
    """Weights saved by a trial or by `skeltune weights import`.

    A classifier of other parameters or shapes stays as it is, unless the `whole` model has to fit;
    every other name and shape has to agree, else ValueError.
    """
    given = read_weights(path)
    own = model.state_dict()
    if not whole:
        given = _with_own_classifiers(own, given)
    named = (f"{key} {tuple(own[key].shape)}, missing" for key in own.keys() - given.keys())
    extra = (f"{key} {tuple(given[key].shape)}, extra" for key in given.keys() - own.keys())
    other = (
        f"{key} {tuple(own[key].shape)}, got {tuple(given[key].shape)}"
        for key in own.keys() & given.keys()
        if own[key].shape != given[key].shape
    )
    if wrong := sorted((*named, *extra, *other)):
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise ValueError(f"{path} does not fit the model: {'; '.join(wrong[:5])}{more}")
    model.load_state_dict(given)


def _with_own_classifiers(own: Tensors, given: Tensors) -> Tensors:
    """The given tensors with every classifier that does not fit wholly replaced by our own."""

    def shapes(tensors: Tensors, head: str) -> dict[str, torch.Size]:
        return {key: t.shape for key, t in tensors.items() if key.startswith(head)}

    def head_of(key: str) -> str:
        return ".".join([*key.split(".")[:2], ""])

    heads = {head_of(key) for key in (*own, *given) if key.startswith("classifiers.")}
    for head in heads:
        if shapes(own, head) != shapes(given, head):
            given = {key: t for key, t in given.items() if not key.startswith(head)}
            given |= {key: t for key, t in own.items() if key.startswith(head)}
    return given


def summarize(model: nn.Module, shape: InputShape) -> ModelSummary:
    """Counted in a forward pass of one clip, all persons present, in evaluation mode."""
    num_params = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return ModelSummary(num_params, _flops(model, shape) // 2)


class _Flops(TorchDispatchMode):
    """Adds up what the kernels do. torch's own counter imports its compiler: two seconds."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if count := _COUNTS.get(func.overloadpacket):
            self.total += int(count(*args, **(kwargs or {}), out_val=out))
        return out


def _flops(model: nn.Module, shape: InputShape) -> int:
    was_training, counter = model.training, _Flops()
    with torch.no_grad(), counter:
        model.eval()(one_clip(model, shape))
    model.train(was_training)
    return counter.total


def peak_activation_bytes(model: nn.Module, shape: InputShape) -> int:
    """The most that tensors take at a time in a training forward pass of one clip.

    That is what is kept for the backward pass, and the largest passing tensors on top; weights and
    input do not count.
    """
    clip = one_clip(model, shape)
    clips = torch.cat([clip, clip])  # one clip of one frame has no variance for a batch norm
    with peak_bytes() as peak:
        model.train()(clips)
    return peak() // 2


def estimated_bytes(config: TrialConfig, info: DatasetInfo) -> int:
    """Of a training step: weights, gradients and momentum, and the activations of a batch."""
    model = build_model(config.model_copy(update={"init_like": None}), info)
    kept = 3 * sum(p.numel() * p.element_size() for p in model.parameters())
    return kept + config.batch_size * peak_activation_bytes(model, input_shape(config, info))


def one_clip(model: nn.Module, shape: InputShape) -> Tensor:
    parameter = next(model.parameters())
    size = (1, shape.num_channels, shape.num_frames, shape.num_joints, shape.num_persons)
    return torch.ones(size, dtype=parameter.dtype, device=parameter.device)


def _attention_flops(query: Tensor, key: Tensor, value: Tensor, *_: Any, **__: Any) -> int:
    shapes = query.shape, key.shape, value.shape
    flops: int = sdpa_flop_count(*shapes)  # type: ignore[no-untyped-call]
    return flops


# the registry knows the attention kernels of CUDA, but not that of the CPU
_CPU_ATTENTION = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_COUNTS = {**flop_registry, _CPU_ATTENTION: _attention_flops}
