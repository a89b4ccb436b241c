"""What a worker needs of a study's storage, on the disk of its node.

Trials train in plain folders. Where the study lies in a storage that is not mounted, a trial's
folder is fetched before its first epoch and its changed files are put before an epoch is told, so
that a trial that was told of can go on anywhere.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.engine.config import TrialConfig
from orchestrator.storage.data_sets import fetch_store, stored_at
from orchestrator.storage.place import Place, is_elsewhere
from orchestrator.storage.scratch import own_scratch, scratch

_LAST = "result.json"
"""Says that all other files are there, so it is put after them."""


@dataclass(frozen=True)
class Kept:
    """Where a study's trials and prepared data sets are: paths that every node sees, or URIs."""

    trials: str
    data_root: str
    data_sets: str | None = None
    """The place of prepared data sets, for nodes that do not see `data_root`."""

    def folder(self, trial: str) -> TrialFolder:
        if not is_elsewhere(self.trials):
            return TrialFolder(Path(self.trials) / trial)
        return TrialFolder(own_scratch() / trial, Place(self.trials) / trial)

    def data(self, name: str, digest: str) -> Path:
        """The root under which this node has the data set; it is fetched once a node."""
        root = Path(self.data_root)
        if self.data_sets is None or stored_at(root, name, digest) is not None:
            return root
        node_root = scratch() / "data" / digest[:16]
        fetch_store(Place(self.data_sets), name, digest, node_root)
        return node_root

    def with_weights(self, config: TrialConfig) -> TrialConfig:
        """Initial weights that lie in another trial's folder come from there."""
        weights = config.init_weights
        if weights is None or weights.file.exists() or not is_elsewhere(self.trials):
            return config
        trial, name = weights.file.parts[-2:]
        place, folder = Place(self.trials) / trial, own_scratch() / "weights"
        if name not in place.names():
            return config
        place.fetch([name], folder)
        here = weights.model_copy(update={"file": folder / name})
        return config.model_copy(update={"init_weights": here})


@dataclass
class TrialFolder:
    """A trial's folder on this node; `kept` is where it comes from and goes to, if elsewhere."""

    root: Path
    kept: Place | None = None
    _known: dict[str, tuple[int, int]] = field(default_factory=dict)

    def fetch(self) -> None:
        """As it was when its last epoch was told, wherever that was."""
        if self.kept is not None:
            self.leave()
            self.kept.fetch(self.kept.names(), self.root)
            self._known = self._present()

    def push(self) -> None:
        """Put what has changed since; whoever finds the result finds all it goes with."""
        if self.kept is None:
            return
        present = self._present()
        changed = [name for name, stamp in present.items() if self._known.get(name) != stamp]
        for name in sorted(changed, key=lambda name: (name == _LAST, name)):
            self.kept.put(self.root / name)
        self._known = present

    def leave(self) -> None:
        """Give the node's disk back."""
        if self.kept is not None:
            shutil.rmtree(self.root, ignore_errors=True)

    def _present(self) -> dict[str, tuple[int, int]]:
        """Name to what changes whenever a file is replaced."""
        stats = {path.name: path.stat() for path in self.root.glob("[!.]*")}
        return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in stats.items()}
