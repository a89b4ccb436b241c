from __future__ import annotations

from collections.abc import Iterator

import fsspec
import pytest

from orchestrator.storage.place import Place


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """A folder in a storage that lives in this process."""
    place = Place.named(f"memory://{request.node.name}")
    yield place
    fsspec.filesystem("memory").store.clear()
