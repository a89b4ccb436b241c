"""The trial file: one complete training, checked against the signatures of the components it names.

A component is a mapping with a `name` from an explicit table; its other keys are the keyword-only
parameters of the builder of that name, with the builder's types and defaults.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
import math
import operator
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, get_type_hints

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    create_model,
    field_validator,
    model_validator,
)

from data import DATASETS
from data.batches import ClipTransform
from losses import LOSSES
from models import MODELS
from orchestrator.engine.documents import Raw, changed, read_mapping, unknown_name, validated
from orchestrator.engine.optim import LR_SCHEDULES, OPTIMIZERS

Builder = Callable[..., Any]


class Document(BaseModel):
    """A frozen piece of a YAML document; unknown keys are problems, finite numbers required."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ComponentSpec(Document):
    """A name from a table and the options of its builder."""

    name: str

    @property
    def args(self) -> dict[str, Any]:
        return {key: getattr(self, key) for key in type(self).model_fields if key != "name"}


def _options(builder: Builder) -> dict[str, Any]:
    """The keyword-only parameters of a builder as pydantic fields."""
    function = builder.func if isinstance(builder, functools.partial) else builder
    is_class = isinstance(function, type)
    hints = get_type_hints(function.__init__ if is_class else function)
    parameters = inspect.signature(builder).parameters.values()
    return {
        p.name: (hints[p.name], ... if p.default is p.empty else p.default)
        for p in parameters
        if p.kind is p.KEYWORD_ONLY
    }


def _spec(name: str, builder: Builder, **fields: Any) -> type[ComponentSpec]:
    return create_model(
        name,
        __base__=ComponentSpec,
        __doc__=inspect.getdoc(builder),
        name=(Literal[name], ...),  # type: ignore[arg-type]
        **fields,
        **_options(builder),
    )


def _union(specs: list[type[ComponentSpec]]) -> Any:
    """One of several components, told apart by `name`."""
    union = functools.reduce(operator.or_, specs)
    return Annotated[union, Field(discriminator="name")] if len(specs) > 1 else union


def _component(table: Mapping[str, Builder]) -> Any:
    return _union([_spec(name, builder) for name, builder in table.items()])


class _NamedData(ComponentSpec):
    """A data set of SkelTune, or a store that was prepared under another name."""

    name: Annotated[
        str,
        Field(
            pattern=r"^[a-z][a-z0-9_]*$",
            description="of SkelTune, or of a store of your own",
            json_schema_extra={"anyOf": [{"enum": list(DATASETS)}, {"type": "string"}]},
        ),
    ]
    protocol: str = Field(
        "",
        validate_default=True,
        description="how clips are split; the first of a data set of SkelTune need not be said",
    )
    repeat: int = Field(1, ge=1, description="times that each clip comes in an epoch")

    @field_validator("protocol")
    @classmethod
    def _is_of_the_dataset(cls, protocol: str, info: ValidationInfo) -> str:
        """Protocols of other stores are checked when the store is opened."""
        name = info.data.get("name", "")
        if name in DATASETS:
            known = DATASETS[name].info.protocols
            if protocol and protocol not in known:
                raise ValueError(f"{name} has the protocols {', '.join(known)}")
            return protocol or known[0]
        if name and not protocol:
            hint = unknown_name(name, list(DATASETS), what="data set")
            raise ValueError(f"is required for data of your own; otherwise {name!r} is an {hint}")
        return protocol


def _dataset() -> Any:
    """How clips become batches is the same for all data sets."""
    doc = inspect.getdoc(ClipTransform)
    return create_model("data", __base__=_NamedData, __doc__=doc, **_options(ClipTransform))


if TYPE_CHECKING:

    class DataSpec(ComponentSpec):
        protocol: str
        repeat: int

    ModelSpec: TypeAlias = ComponentSpec
    ClassificationSpec: TypeAlias = ComponentSpec
    EmbeddingSpec: TypeAlias = ComponentSpec
    OptimizerSpec: TypeAlias = ComponentSpec
    LRScheduleSpec: TypeAlias = ComponentSpec
else:
    DataSpec = _dataset()
    ModelSpec = _component(MODELS)
    ClassificationSpec = _component(LOSSES["classification"])
    EmbeddingSpec = _component(LOSSES["embedding"])
    OptimizerSpec = _component(OPTIMIZERS)
    LRScheduleSpec = _component(LR_SCHEDULES)


class LossSpec(Document):
    """One classification term and, optionally, one term on the embedding (weight inside it)."""

    classification: ClassificationSpec = Field(
        default={"name": "cross_entropy"}, validate_default=True
    )
    embedding: EmbeddingSpec | None = None
    center_lr: float | None = Field(
        None, gt=0, description="plain SGD on the centres, never decayed; null: the optimizer's lr"
    )


class WeightsFile(Document):
    """Saved weights, held to their content: the trial's identity has the digest, not the path."""

    file: Annotated[Path, AfterValidator(lambda path: path.expanduser().resolve())]
    sha256: str = Field(
        "", pattern="^([0-9a-f]{64})?$", description="of the content; filled in when it is read"
    )

    @model_validator(mode="after")
    def _read_digest(self) -> WeightsFile:
        if self.sha256:
            return self
        try:
            digest = hashlib.sha256(self.file.read_bytes()).hexdigest()
        except OSError as error:
            raise ValueError(f"cannot read {self.file}: {error.strerror}") from None
        return WeightsFile(file=self.file, sha256=digest)

    def require_unchanged(self) -> None:
        """Raise ValueError if the file is not what it was when the trial was planned."""
        if not self.file.exists():
            raise ValueError(f"init_weights: there is no file {self.file}")
        found = hashlib.sha256(self.file.read_bytes()).hexdigest()
        if found != self.sha256:
            raise ValueError(f"{self.file} must have sha256 {self.sha256}, got {found}")


class Workers(Document):
    """Several processes that train one model together, each on its share of every batch."""

    num: int = Field(ge=1)
    batch: Literal["per_worker", "global"] = Field(
        "global", description="what batch_size is: the clips of each worker, or of all together"
    )
    batch_norm: Literal["sync", "per_device"] = Field(
        "sync",
        description="sync: moments of the whole batch, as one process has them. per_device: of a "
        "worker's share; the running statistics of an epoch are the mean over the workers",
    )
    lr_scaling: Literal["none", "linear", "sqrt"] = Field(
        "none",
        description="the rate grows with the batch that num workers make of batch_size: in "
        "proportion, or with its root",
    )

    @model_validator(mode="after")
    def _scales_something(self) -> Workers:
        if self.lr_scaling != "none" and self.batch == "global":
            raise ValueError("lr_scaling follows a batch that grows: it needs batch: per_worker")
        return self

    @property
    def growth(self) -> int:
        """How many times larger a batch is than batch_size."""
        return self.num if self.batch == "per_worker" else 1

    @property
    def lr_factor(self) -> float:
        """What the learning rate is multiplied with."""
        exponents = {"none": 0.0, "linear": 1.0, "sqrt": 0.5}
        return math.pow(self.growth, exponents[self.lr_scaling])


def _as_mapping(given: Any) -> Any:
    return {"file": given} if isinstance(given, str | Path) else given


class TrialConfig(Document):
    """One configuration to be trained once with one seed."""

    model: ModelSpec
    data: DataSpec
    loss: LossSpec = Field(default={}, validate_default=True)
    optimizer: OptimizerSpec = Field(default={"name": "sgd"}, validate_default=True)
    lr_schedule: LRScheduleSpec = Field(default={"name": "constant"}, validate_default=True)
    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    eval_batch_size: int = Field(256, ge=1)
    drop_last: bool = False
    clip_grad_norm: float | None = Field(None, gt=0)
    precision: Literal["fp32", "tf32", "bf16"] = "fp32"
    compile: bool = False
    init_weights: (
        Annotated[
            WeightsFile, BeforeValidator(_as_mapping, json_schema_input_type=Path | WeightsFile)
        ]
        | None
    ) = Field(
        None,
        description="start from the weights of this file (`skeltune weights import`), a path from "
        "the current folder",
    )
    init_like: ModelSpec | None = Field(
        None,
        description="take the initial values of all weights of the same name and shape from this "
        "model, drawn from the same seed: so a variant starts where its baseline starts",
    )
    max_clips: int | None = Field(
        None,
        ge=1,
        description="fit and evaluate on no more clips than this, spread over each split: a trial "
        "run of the whole way, no result",
    )
    seed: int = Field(0, ge=0, lt=2**31)
    select_on: Literal["val", "test", "none"] = Field(
        "val",
        description="val: fit on train, evaluate val every epoch. "
        "test: fit on train + val, evaluate test every epoch (replays papers; the numbers are "
        "called test/...). none: fit on train + val and evaluate nothing; the last epoch counts, "
        "and test stays locked until it is asked for.",
    )
    monitor: Literal["top1", "mean_class", "loss"] = Field(
        "top1", description="the figure of the evaluated split that picks the best epoch"
    )
    robust_noise: float | None = Field(
        None,
        gt=0,
        le=1,
        description="after training, evaluate the best weights once more on clips that have lost "
        "this share of what data.noise_granularity says: val/robust_top1 and so on",
    )
    workers: Workers | None = Field(
        None, description="train with several processes, of a final training"
    )

    @field_validator("data")
    @classmethod
    def _transform_is_possible(cls, spec: DataSpec) -> DataSpec:
        transform_of(spec)
        return spec

    @model_validator(mode="after")
    def _every_worker_has_clips(self) -> TrialConfig:
        if self.workers is not None and self.whole_batch < self.workers.num:
            raise ValueError(
                f"workers.num must not exceed batch_size, got {self.workers.num} workers "
                f"and a batch of {self.batch_size}"
            )
        return self

    @property
    def whole_batch(self) -> int:
        """Clips of a step, those of all workers."""
        return self.batch_size * (self.workers.growth if self.workers else 1)

    @property
    def lr(self) -> float:
        """What the schedule is multiplied with."""
        rate: float = self.optimizer.args["lr"]
        return rate * self.workers.lr_factor if self.workers else rate

    @property
    def fit_splits(self) -> tuple[str, ...]:
        return ("train",) if self.select_on == "val" else ("train", "val")

    @property
    def eval_split(self) -> str:
        """What is evaluated every epoch; with `select_on: none` what is once, after training."""
        return "val" if self.select_on == "val" else "test"

    @property
    def metric(self) -> str:
        """The name under which the monitored figure is reported."""
        return f"{self.eval_split}/{self.monitor}"

    @property
    def mode(self) -> Literal["min", "max"]:
        return "min" if self.monitor == "loss" else "max"

    def plain(self) -> Raw:
        """Resolved: every default written out, plain values only."""
        return self.model_dump(mode="json")

    def digest(self, data_digest: str) -> str:
        """The trial's identity: 12 hexadecimal digits over configuration, seed and data.

        Keys that are null do not count, so that a new optional key leaves known trials known.
        """
        content = {key: value for key, value in self.plain().items() if value is not None}
        if self.init_weights is not None:
            content["init_weights"] = self.init_weights.sha256
        text = json.dumps([content, data_digest], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def options_document(name: str, builder: Builder) -> type[Document]:
    """The options of a builder by themselves."""
    return create_model(name, __base__=Document, **_options(builder))


_TRANSFORM_OPTIONS = frozenset(inspect.signature(ClipTransform).parameters)


def transform_of(spec: DataSpec) -> ClipTransform:
    options = {key: value for key, value in spec.args.items() if key in _TRANSFORM_OPTIONS}
    return ClipTransform(**options)


def load_trial(path: Path, changes: Mapping[str, Any] | None = None) -> TrialConfig:
    """The trial file with overrides applied; `SpecError` lists every problem at once."""
    return resolve_trial(read_mapping(path), changes or {}, str(path))


def resolve_trial(document: Raw, changes: Mapping[str, Any], source: str) -> TrialConfig:
    return validated(TrialConfig, changed(document, changes, source), source)


def value_at(document: Mapping[str, Any], path: str) -> Any:
    """The value of a dotted path; None where there is no such path.

    Of a component it is the name, of weights their file.
    """
    here: Any = document
    for key in path.split("."):
        here = here.get(key) if isinstance(here, Mapping) else None
    if isinstance(here, Mapping):
        return here.get("name", here.get("file", here))
    return here


def flattened(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as dotted paths to their leaves."""
    leaves: dict[str, Any] = {}
    for key, value in document.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping):
            leaves |= flattened(value, f"{path}.")
        else:
            leaves[path] = value
    return leaves
