"""Digests of what training does."""

import torch

from data.store import ArrayStore
from orchestrator.engine.fingerprint import Fingerprints, Part, made_up_clips
from orchestrator.engine.network import input_shape
from tests.engine.trials import TRIAL, make_config

SLNL = {
    "model": {"name": "slnl", "num_slnl_blocks": 1, "channels": [4, 4], "new_joints": 4},
    "loss": {},
}


def test_one_configuration_has_one_fingerprint(store: ArrayStore):
    config = make_config({"model.dropout": 0.5})

    assert Fingerprints().of(config, store) == Fingerprints().of(config, store)


def test_every_part_of_a_fingerprint_is_told(store: ArrayStore):
    assert set(Fingerprints().of(make_config(), store)) == set(Part)


def test_a_seed_draws_other_weights_and_other_clips(store: ArrayStore):
    fingerprints = Fingerprints()
    first, second = (fingerprints.of(make_config({"seed": seed}), store) for seed in (0, 1))

    assert {part for part in Part if first[part] != second[part]} == {
        Part.CLIPS,
        Part.EMBEDDING,
        Part.MODEL,
        Part.LOSS,  # whose centres are drawn
    }


def test_starting_like_itself_changes_nothing(store: ArrayStore):
    fingerprints = Fingerprints()
    plain = fingerprints.of(make_config(), store)
    paired = fingerprints.of(make_config({"init_like": TRIAL["model"]}), store)

    assert paired == plain


def test_a_model_that_is_tied_to_the_number_of_frames_is_run_too(store: ArrayStore):
    short, whole = Fingerprints(frames=4), Fingerprints(frames=None)
    config = make_config(SLNL)

    assert short.of(config, store)[Part.MODEL] != whole.of(config, store)[Part.MODEL]


def test_made_up_clips_lack_a_person(store: ArrayStore):
    shape = input_shape(make_config(), store.info)

    x, present = made_up_clips(shape)

    assert x.shape == (2, 3, 8, shape.num_joints, shape.num_persons)
    if present is not None:
        assert present.sum(dim=1).tolist() == [shape.num_persons - 1, shape.num_persons]
        assert not torch.any(x[0, ..., -1])
