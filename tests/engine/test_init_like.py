"""Variants that start where their baseline starts."""

import torch

from data.store import ArrayStore
from orchestrator.engine.network import build_model
from orchestrator.engine.state import build_state
from tests.engine.trials import TRIAL, make_config

PLAIN = {"model.cvsta": False}


def tensors(store: ArrayStore, **changes) -> dict[str, torch.Tensor]:
    return build_model(make_config(changes), store.info).state_dict()


def test_weights_of_equal_name_and_shape_are_those_of_the_other_model(store: ArrayStore):
    baseline = tensors(store)
    paired = tensors(store, **PLAIN, init_like=TRIAL["model"])

    common = paired.keys() & baseline.keys()
    assert 0 < len(common) < len(baseline)
    assert all(torch.equal(paired[key], baseline[key]) for key in common)


def test_without_it_a_removed_module_moves_all_later_draws(store: ArrayStore):
    baseline, alone = tensors(store), tensors(store, **PLAIN)

    common = alone.keys() & baseline.keys()
    assert not all(torch.equal(alone[key], baseline[key]) for key in common)


def test_weights_of_other_shapes_stay_as_they_were_drawn(store: ArrayStore):
    alone = tensors(store, **{"model.width": 8})
    paired = tensors(store, **{"model.width": 8}, init_like=TRIAL["model"])

    baseline = tensors(store)
    other = [key for key in alone if key in baseline and alone[key].shape != baseline[key].shape]
    assert other
    assert all(torch.equal(paired[key], alone[key]) for key in other)


def test_a_graph_of_its_own_is_kept(store: ArrayStore):
    other = {"model.graph": "stgcn_spatial", **PLAIN}
    baseline, alone = tensors(store), tensors(store, **other)

    paired = tensors(store, **other, init_like=TRIAL["model"])

    graphs = [key for key in paired if key.endswith("adjacency")]
    assert graphs
    assert all(torch.equal(paired[key], alone[key]) for key in graphs)
    assert not any(torch.equal(paired[key], baseline[key]) for key in graphs)


def test_another_way_of_initialising_one_structure_is_kept(store: ArrayStore):
    model = {"name": "slnl", "num_slnl_blocks": 1}
    kaiming = {**model, "conv_init": "kaiming"}
    plain, alone, paired = (
        tensors(store, model=m, init_like=like)
        for m, like in ((model, None), (kaiming, None), (kaiming, model))
    )

    assert all(torch.equal(paired[key], alone[key]) for key in alone)
    assert any(not torch.equal(paired[key], plain[key]) for key in alone)


def test_centres_are_the_same_whatever_model_was_drawn_before_them(store: ArrayStore):
    cpu = torch.device("cpu")
    states = [build_state(make_config(changes), store, cpu) for changes in ({}, PLAIN)]

    first, second = (dict(state.embedding.named_parameters()) for state in states)
    assert first
    assert all(torch.equal(first[name], second[name]) for name in first)
