import pytest
import torch
from torch import nn

from data.store import ArrayStore
from models.interface import InputShape
from orchestrator.engine.network import build_model, input_shape, summarize
from tests.engine.trials import make_config

SHAPE = InputShape(5, 3, 4, 2, 1, ((1, 0),), 0)


def weights_equal(first: nn.Module, second: nn.Module) -> bool:
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_the_input_shape_is_that_of_the_data_set_and_the_clip_length(store: ArrayStore):
    shape = input_shape(make_config({"data.clip_len": 12}), store.info)

    assert (shape.num_classes, shape.num_channels, shape.num_frames) == (4, 3, 12)
    assert (shape.num_joints, shape.num_persons, shape.centre) == (25, 1, 20)
    assert shape.edges == store.info.edges


def test_the_weights_are_drawn_from_the_seed_of_the_trial(store: ArrayStore):
    first, again = (build_model(make_config({"seed": 3}), store.info) for _ in range(2))
    other = build_model(make_config({"seed": 4}), store.info)

    assert weights_equal(first, again)
    assert not weights_equal(first, other)


def test_parameters_and_macs_of_a_linear_layer_are_counted_exactly():
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 2, 5))

    summary = summarize(model, SHAPE)

    assert summary.num_params == 24 * 5 + 5
    assert summary.macs == 24 * 5


def test_frozen_parameters_are_not_counted():
    model = nn.Sequential(nn.Flatten(), nn.Linear(24, 5))
    model[1].bias.requires_grad_(False)

    assert summarize(model, SHAPE).num_params == 120


@pytest.mark.parametrize("training", [True, False])
def test_counting_leaves_the_mode_and_the_statistics_alone(store: ArrayStore, training):
    model = build_model(make_config(), store.info).train(training)
    before = {name: value.clone() for name, value in model.state_dict().items()}

    summarize(model, input_shape(make_config(), store.info))

    assert model.training is training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_wider_model_costs_more(store: ArrayStore):
    def cost(width: int):
        config = make_config({"model.width": width})
        return summarize(build_model(config, store.info), input_shape(config, store.info))

    narrow, wide = cost(4), cost(8)

    assert wide.num_params > narrow.num_params
    assert wide.macs > narrow.macs


def test_a_model_that_cannot_be_built_raises_the_builders_value_error(store: ArrayStore):
    with pytest.raises(ValueError, match="7"):
        build_model(make_config({"model.width": 7}), store.info)
