"""A model as a folder: written beside and renamed, read with distrust.

    model.json                       the description, with a digest of itself
    weights/MEMBER.safetensors       parameters and buffers of each member
    DOCUMENT.md, DOCUMENT.html       what people read, such as a model card

Nothing of it is executed: there is JSON and there are tensors, and the classes that are built are
those of this installation.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from models.interface import SkeletonModel
from orchestrator.artefact.description import Description, MemberEntry, parse_description
from orchestrator.artefact.members import Artefact, members_of, weights_bytes
from orchestrator.engine.errors import SkelTuneError
from orchestrator.engine.files import write_bytes, write_json
from orchestrator.engine.network import Tensors, build_model

MOST_JSON_BYTES = 2**22
MOST_WEIGHTS_BYTES = 2**33
MOST_DOCUMENT_BYTES = 2**26


class ArtefactRefusedError(SkelTuneError):
    """A folder is no model, or not the one that was saved."""


@dataclass(frozen=True)
class ArtefactFiles:
    """Every name in a model's folder."""

    root: Path

    @property
    def description(self) -> Path:
        return self.root / "model.json"

    @property
    def weights_folder(self) -> Path:
        return self.root / "weights"

    def weights(self, member: str) -> Path:
        return self.weights_folder / f"{member}.safetensors"

    def expected(self, description: Description) -> set[Path]:
        weights = {self.weights(member.name) for member in description.members}
        documents = {self.root / name for name in description.documents}
        return {self.description, self.weights_folder, *weights, *documents}


def save_artefact(
    folder: Path, artefact: Artefact, documents: Mapping[str, str] | None = None
) -> Description:
    """The description as it was written, `documents` (name to text) among it.

    Raises `SkelTuneError` where the folder exists: a saved model is never changed.
    """
    if folder.exists():
        raise SkelTuneError(f"{folder} exists already; a model is saved to a new folder")
    texts = {name: text.encode() for name, text in (documents or {}).items()}
    digests = {name: hashlib.sha256(text).hexdigest() for name, text in texts.items()}
    told = artefact.description.model_dump(mode="json") | {"documents": digests}
    description = Description.model_validate(told)
    beside = ArtefactFiles(folder.with_name(f".{folder.name}.{os.getpid()}"))
    try:
        for entry, network in members_of(artefact):
            write_bytes(beside.weights(entry.name), weights_bytes(network))
        for name, text in texts.items():
            write_bytes(beside.root / name, text)
        write_json(beside.description, description.plain())
        os.rename(beside.root, folder)
    finally:
        shutil.rmtree(beside.root, ignore_errors=True)
    return description


def copy_artefact(folder: Path, out: Path) -> Description:
    """The same model in a new folder, checked where it came from and where it went."""
    if out.exists():
        raise SkelTuneError(f"{out} exists already; a model is saved to a new folder")
    description = load_artefact(folder).description
    beside = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        shutil.copytree(folder, beside)
        if load_artefact(beside).description != description:
            raise ArtefactRefusedError(f"{folder} changed while it was copied")
        os.rename(beside, out)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return description


def load_artefact(folder: Path) -> Artefact:
    """The model, after a check of every file against its digest and of every tensor.

    Raises `ArtefactRefusedError` (or `SpecError` about model.json) for anything that is missing,
    extra, changed, too large, a link, of another version, does not fit or is not finite.
    """
    description = read_description(folder)
    networks = [_load_member(folder, description, entry) for entry in description.members]
    return Artefact(description, tuple(networks))


def read_description(folder: Path) -> Description:
    """What the model says of itself; its documents and the list of its files are checked, too."""
    files = ArtefactFiles(folder)
    content = _read(files.description, MOST_JSON_BYTES)
    description = parse_description(content, str(files.description))
    found = set(folder.rglob("*"))
    expected = files.expected(description)
    if found != expected:
        names = sorted(str(path.relative_to(folder)) for path in found ^ expected)
        raise ArtefactRefusedError(f"{folder}: missing or not of the model: {', '.join(names[:5])}")
    for name, sha256 in description.documents.items():
        _read_checked(folder / name, MOST_DOCUMENT_BYTES, sha256)
    return description


def _load_member(folder: Path, description: Description, entry: MemberEntry) -> SkeletonModel:
    path = ArtefactFiles(folder).weights(entry.name)
    content = _read_checked(path, MOST_WEIGHTS_BYTES, entry.sha256)
    try:
        given = load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise ArtefactRefusedError(f"{path} is not a safetensors file: {error}") from None
    with torch.device("meta"):  # shapes alone: what does not fit the file takes no memory
        expected = build_model(entry.config, description.info).state_dict()
    _require_fit(path, given, expected)
    _require_finite(path, given)
    network = build_model(entry.config, description.info)
    network.load_state_dict(given)
    return network.eval()


def _require_fit(path: Path, given: Tensors, expected: Tensors) -> None:
    def shapes(tensors: Tensors) -> dict[str, tuple[torch.Size, torch.dtype]]:
        return {key: (tensor.shape, tensor.dtype) for key, tensor in tensors.items()}

    ours, theirs = shapes(expected), shapes(given)
    if wrong := sorted(
        key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)
    ):
        raise ArtefactRefusedError(
            f"{path} does not fit the model of its configuration: {len(wrong)} tensors are "
            f"missing, extra, or of another shape or type, first {wrong[0]}"
        )


def _require_finite(path: Path, tensors: Tensors) -> None:
    def is_finite(tensor: Tensor) -> bool:
        return bool(torch.isfinite(tensor).all())

    if wrong := [name for name, tensor in tensors.items() if not is_finite(tensor)]:
        raise ArtefactRefusedError(f"{path}: {wrong[0]} has values that are not finite")


def _read_checked(path: Path, most: int, sha256: str) -> bytes:
    content = _read(path, most)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ArtefactRefusedError(f"{path} was changed: it does not have the recorded SHA-256")
    return content


def _read(path: Path, most: int) -> bytes:
    """A regular file of at most so many bytes; links are not followed, pipes not waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise ArtefactRefusedError(f"cannot read {path}: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > most:
            raise ArtefactRefusedError(f"{path} must be a regular file of at most {most} bytes")
        return file.read(most + 1)
