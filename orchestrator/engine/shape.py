"""What decides how long a step takes and how much memory it needs."""

from __future__ import annotations

import json

from orchestrator.engine.documents import Raw

_NO_MATTER = ("seed", "epochs", "optimizer", "lr_schedule", "init_like", "init_weights", "monitor")


def shape_of(config: Raw) -> str:
    """Equal for trials that cost the same; `config` is a trial's plain document."""
    said = {key: value for key, value in config.items() if key not in _NO_MATTER}
    said["optimizer"] = config["optimizer"]["name"]
    said["data"] = {key: value for key, value in config["data"].items() if key != "stream"}
    return json.dumps(said, sort_keys=True)
