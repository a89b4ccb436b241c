import pytest
import torch

from data.store import ArrayStore
from orchestrator.engine.config import TrialConfig
from orchestrator.engine.state import eval_batches, split_batches
from tests.engine.trials import make_config

CPU = torch.device("cpu")


def inputs(config: TrialConfig, store: ArrayStore) -> dict[str, torch.Tensor]:
    """The first epoch's model inputs of each split."""
    fit, val = split_batches(config, store, CPU)
    batches = {"train": fit, "val": val, "test": eval_batches(config, store, CPU, "test")}
    return {split: torch.cat([b.x for b in part.epoch(0)]) for split, part in batches.items()}


@pytest.mark.parametrize(
    ("noise_split", "noisy"),
    [("both", {"train", "val", "test"}), ("train", {"train", "val"}), ("test", {"test"})],
)
def test_noise_reaches_the_splits_that_the_trial_names(
    store: ArrayStore, noise_split: str, noisy: set[str]
) -> None:
    changes = {"data.noise": 0.3, "data.noise_split": noise_split}

    clean, found = inputs(make_config(), store), inputs(make_config(changes), store)

    assert {split for split in clean if not torch.equal(clean[split], found[split])} == noisy


def test_the_seed_of_a_trial_does_not_change_what_is_lost(store: ArrayStore) -> None:
    first = inputs(make_config({"data.noise": 0.3, "seed": 0}), store)
    other = inputs(make_config({"data.noise": 0.3, "seed": 1}), store)

    assert torch.equal(first["test"], other["test"])
    assert not torch.equal(first["train"], other["train"])
