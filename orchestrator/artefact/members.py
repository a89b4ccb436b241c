"""A trained model as one value: its description and its networks, on the CPU, in evaluation mode.

member = trial_member(trial_folder, store)
artefact = make_artefact("ctrgcn-nw_ucla-xview", [member], store, lineage={"study": "..."})
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from safetensors.torch import save

from data.store import ArrayStore
from models.interface import SkeletonModel
from orchestrator.artefact.description import (
    Description,
    Fusing,
    MemberEntry,
    Preparation,
    without_start,
)
from orchestrator.engine.config import TrialConfig, load_trial
from orchestrator.engine.documents import validated
from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.files import TrialFiles
from orchestrator.engine.network import build_model, load_weights
from orchestrator.engine.trial import load_result


@dataclass(frozen=True, eq=False)
class Member:
    """A trained network, and what its scores count beside those of others."""

    name: str
    config: TrialConfig
    network: SkeletonModel
    weight: float = 1.0
    trial: str = ""


@dataclass(frozen=True, eq=False)
class Artefact:
    """What a saved model is in memory; the networks are in the order of the members."""

    description: Description
    networks: tuple[SkeletonModel, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        return self.description.info.classes


def trial_member(
    folder: Path, store: ArrayStore, *, name: str | None = None, weight: float = 1.0
) -> Member:
    """The best weights of a finished trial; by default called after its stream.

    Raises `SkelTuneError` for a trial that has not finished or was trained on other data.
    """
    files = TrialFiles(folder)
    if not files.result.exists():
        raise SkelTuneError(f"{folder} is no trial that has run all its epochs")
    result, config = load_result(files), load_trial(files.config)
    if result["data_digest"] != store.digest:
        raise SkelTuneError(
            f"{folder} was trained on data {result['data_digest']}, {store.name} is {store.digest}"
        )
    network = build_model(without_start(config), store.info)
    load_weights(network, files.best, whole=True)
    called = name or str(config.data.args["stream"])
    return Member(called, config, network.eval(), weight, result["trial"])


def make_artefact(
    name: str,
    members: Sequence[Member],
    store: ArrayStore,
    *,
    fusing: Fusing = "scores",
    lineage: Mapping[str, str] | None = None,
) -> Artefact:
    """`SpecError` where the members do not belong together or a name is not allowed."""
    entries = [
        {
            "name": member.name,
            "config": without_start(member.config).plain(),
            "weight": member.weight,
            "sha256": hashlib.sha256(weights_bytes(member.network)).hexdigest(),
            "trial": member.trial,
        }
        for member in members
    ]
    document = {
        "name": name,
        "info": store.info,
        "protocol": members[0].config.data.protocol,
        "preparation": _preparation(store),
        "members": entries,
        "fusing": fusing,
        "lineage": dict(lineage or {}),
        "created_by": {package: version(package) for package in ("skeltune", "torch")},
    }
    description = validated(Description, document, f"model {name}")
    return Artefact(description, tuple(member.network for member in members))


def weights_bytes(network: SkeletonModel) -> bytes:
    """Parameters and buffers as a safetensors file; the same weights give the same bytes."""
    tensors = {key: value.contiguous().cpu() for key, value in network.state_dict().items()}
    return save(tensors)


def members_of(artefact: Artefact) -> list[tuple[MemberEntry, SkeletonModel]]:
    return list(zip(artefact.description.members, artefact.networks, strict=True))


def _preparation(store: ArrayStore) -> Preparation:
    document = {
        "store": store.name,
        "options": store.manifest.get("options", {}),
        "own": store.manifest.get("own"),
        "data_digest": store.digest,
    }
    return validated(Preparation, document, f"store {store.name}")
