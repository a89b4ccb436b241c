"""What an ablation says: components with their levels, designs, seeds, reported numbers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from orchestrator.engine.config import Document

Changes = dict[str, Any]
BASELINE = "baseline"


def _listed(seeds: Any) -> list[int]:
    """`3` means the seeds 0, 1, 2."""
    chosen = list(range(seeds)) if isinstance(seeds, int) else seeds
    is_list = isinstance(chosen, list) and all(isinstance(s, int) and s >= 0 for s in chosen)
    if not is_list or not chosen or len(set(chosen)) < len(chosen):
        raise ValueError("must be a number of seeds from 1 on, or a list of different seeds")
    return chosen


Seeds = Annotated[
    list[int],
    BeforeValidator(_listed, json_schema_input_type=int | list[int]),
]


class Paper(Document):
    """Reported numbers, shown beside ours: variant to figure."""

    source: str
    dataset: str
    rows: dict[str, float]


class Ablation(Document):
    """Components with their levels beside the trial file's own level, which is called `on`."""

    components: dict[str, dict[str, Changes]] = {}
    design: Literal["leave_one_out", "factorial"] = "leave_one_out"
    variants: dict[str, Changes] = Field({}, description="further rows: name to changes")
    seeds: Seeds = Field(default=3, validate_default=True)
    paper: Paper | None = None

    @model_validator(mode="after")
    def _varies_something(self) -> Ablation:
        if not self.components and not self.variants:
            raise ValueError("needs components or variants, else there is nothing to compare")
        if BASELINE in self.variants:
            raise ValueError(f"the variant {BASELINE!r} is the trial file itself; name others")
        return self

    @field_validator("components")
    @classmethod
    def _levels_change_something(cls, components: dict[str, Any]) -> dict[str, Any]:
        for name, levels in components.items():
            if not levels or not all(levels.values()):
                raise ValueError(f"component {name!r} needs levels that change at least one path")
            if "on" in levels:
                raise ValueError(f"level 'on' of {name!r} is the trial file itself; name others")
        return components
