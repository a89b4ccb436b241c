"""The state of every loss: drawn from the seed, resumable, one graph for the compiler."""

import copy
import pickle

import pytest
import torch

from tests.losses.objectives import CASES, LABELS, Objective, embeddings, gradients, same_state

EVERY_LOSS = pytest.mark.parametrize(("kind", "name"), CASES)


def after_two_batches(kind, name):
    objective = Objective(kind, name)
    for _ in range(2):
        objective(embeddings(), LABELS)
    return objective


@EVERY_LOSS
def test_the_seed_decides_every_value(kind, name):
    first, second = after_two_batches(kind, name), after_two_batches(kind, name)

    assert same_state(first, second)
    assert torch.equal(first(embeddings(), LABELS), second(embeddings(), LABELS))


@EVERY_LOSS
def test_a_loss_goes_on_from_its_state_dict_and_from_a_pickle(kind, name):
    objective, fresh = after_two_batches(kind, name), Objective(kind, name)
    pickled = pickle.loads(pickle.dumps(objective))

    fresh.load_state_dict(objective.state_dict())

    expected = objective(embeddings(), LABELS)
    for other in (fresh, pickled):
        assert torch.equal(other(embeddings(), LABELS), expected)
        assert same_state(other, objective)


@EVERY_LOSS
def test_a_loss_is_one_graph_for_the_compiler_and_stays_it(kind, name):
    torch._dynamo.reset()
    objective, x, y = Objective(kind, name).double(), *(embeddings(torch.float64) for _ in "xy")
    undisturbed = copy.deepcopy(objective)
    compiled = torch.compile(objective, backend="aot_eager", fullgraph=True)

    with torch._dynamo.config.patch(error_on_recompile=True):
        for _ in range(3):
            compiled(x, LABELS).backward()
            undisturbed(y, LABELS).backward()

    torch.testing.assert_close(gradients(objective, x), gradients(undisturbed, y))
    torch.testing.assert_close(objective.state_dict(), undisturbed.state_dict())


@EVERY_LOSS
def test_no_buffer_is_changed_in_place_that_a_compiled_backward_pass_may_read(kind, name):
    objective = Objective(kind, name)
    buffers = list(objective.buffers())
    before = copy.deepcopy(buffers)

    objective(embeddings(), LABELS)

    assert all(map(torch.equal, buffers, before))


@EVERY_LOSS
def test_a_loss_is_built_without_memory_on_the_meta_device(kind, name):
    with torch.device("meta"):
        state = Objective(kind, name).state_dict()

    assert all(tensor.is_meta for tensor in state.values())
