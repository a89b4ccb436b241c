"""A training that only reports. Imports next to nothing: fifty workers are started."""

from __future__ import annotations

import random
import time
from typing import Any

from ray import tune

NAMES = ("train/loss", "train/top1", "val/loss", "val/top1", "val/top5", "val/mean_class")
COSTS = ("lr", "epoch_seconds", "clips_per_second", "peak_memory_mb", "grad_norm")


class Simulated(tune.Trainable):
    """A learning curve made up from the trial's learning rate, an epoch a step."""

    def setup(self, config: dict[str, Any]) -> None:
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        config = new_config.get("config", new_config)
        self._lr = config.get("optimizer", config)["lr"]
        self._epochs, self._seconds = config["epochs"], config["batch_size"] / 1000
        self._epoch = -1
        self._random = random.Random(self._lr)
        return True

    def step(self) -> dict[str, Any]:
        time.sleep(self._seconds)
        self._epoch += 1
        metrics = self._metrics()
        if self._epoch < self._epochs - 1:
            return {"metrics": [metrics], "outcome": "running"}
        best = {"epoch": self._epoch, "val/top1": metrics["val/top1"]}
        result = {"best": best, "num_params": 1000, "macs": 2000}
        outcome = {"done": True, "outcome": "complete", "result": result}
        return {"metrics": [metrics], **outcome}

    def _metrics(self) -> dict[str, float]:
        """As many as a training reports."""
        drawn = {name: 100 * self._random.random() for name in NAMES + COSTS}
        return {"epoch": self._epoch, **drawn, "epoch_seconds": self._seconds}


class Plain(Simulated):
    """As users of Ray write it: its figures, nothing beside them."""

    def step(self) -> dict[str, Any]:
        told = super().step()
        return {**told["metrics"][0], "done": told.get("done", False)}
