"""Non-local modules against their definition, blocks with and without them."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from models.non_local import NonLocal, NonLocalOptions
from models.skeleton_transform import TransformNetwork, TransformOptions
from models.slnl_blocks import BlockOptions, LocalBlock, StackOptions, block_stack

PARTS = ["t", "s", "st"]
GATES = ["conv", "channel", "scalar", "bn"]
GOLDEN = {
    "none": [
        [0.844637596503, 0.577681201748],
        [0.577681201748, 0.844637596503],
        [0.788058442383, 0.788058442383],
    ],
    "rsqrt": [
        [0.802224185360, 0.598887907320],
        [0.598887907320, 0.802224185360],
        [0.751744921742, 0.751744921742],
    ],
}


def non_local(part, sizes=(3, 6, 4), **options):
    torch.manual_seed(0)
    module = NonLocal(part, *sizes, NonLocalOptions(**options)).double()
    nn.init.normal_(module.output.weight)
    return module


def maps(c=3, t=5, v=4, n=2):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(n, c, t, v, generator=generator, dtype=torch.float64)


def positions(part, t, v):
    """Pairs (i, j) that may attend to each other, over frames times joints."""
    frame, joint = torch.arange(t * v) // v, torch.arange(t * v) % v
    if part == "st":
        return torch.ones(t * v, t * v, dtype=torch.bool)
    axis = joint if part == "t" else frame
    return axis[:, None] == axis[None, :]


def explicit(module, x):
    points = x.flatten(2).mT  # N L C
    logits = module.query(points) @ module.key(points).mT * module.scale
    logits = logits.masked_fill(~positions(module.part, *x.shape[2:]), -torch.inf)
    out = module.output(logits.softmax(-1) @ module.value(points))
    return out.mT.unflatten(2, x.shape[2:])


def block(parts=(), in_channels=3, kernel=3, **options):
    torch.manual_seed(0)
    options = BlockOptions(**{"dropout": 0.0, **options})
    return LocalBlock(in_channels, 4, kernel, options, parts)


def stack(num_slnl_blocks, parts=("t", "s", "st"), gate="conv", **options):
    torch.manual_seed(0)
    layers = {"channels": (4, 4, 6), "kernels": (3,), "pool_every": 2, "pool_last": True}
    layers |= {"num_slnl_blocks": num_slnl_blocks, "parts": parts, "pool_axes": "both"} | options
    return block_stack(
        3, StackOptions(**layers), BlockOptions(dropout=0.0, non_local=NonLocalOptions(gate=gate))
    )


@pytest.mark.parametrize("order", ["post_add", "pre_add", "post_relu"])
def test_dropout_can_stand_before_the_norm(order):
    options = {"norm_order": order, "dropout": 0.5, "dropout_at": "before_norm"}
    module, x = block(**options).double(), maps()
    norm, drop = copy.deepcopy(module.norm), module.dropout

    torch.manual_seed(3)
    out = module(x)

    residual = module.shortcut(x)
    local = module.joint(module.temporal(x) + module.spatial(x))
    torch.manual_seed(3)
    expected = {
        "post_add": lambda: norm(drop(local + residual)).relu(),
        "pre_add": lambda: (norm(drop(local)) + residual).relu(),
        "post_relu": lambda: norm(drop((local + residual).relu())),
    }[order]()
    torch.testing.assert_close(out, expected)


def test_channels_are_dropped_whole():
    torch.manual_seed(1)
    out = block(dropout=0.5, dropout_unit="channel", norm_order="post_relu").double()(maps())

    dropped = (out == 0).all(dim=(2, 3))
    assert dropped.any()
    assert not (out == 0)[~dropped].any()


def test_the_shortcut_has_a_norm_where_channels_change():
    narrow, same = block(shortcut_norm=True).double(), block(shortcut_norm=True, in_channels=4)

    shortcut = narrow.shortcut(maps())
    assert shortcut.mean((0, 2, 3)).abs().max() < 1e-6
    assert isinstance(same.shortcut, torch.nn.Identity)


def test_convolutions_start_within_the_bounds_of_their_rule():
    bounds = {"xavier": (6 / (9 * 4 + 9 * 4)) ** 0.5, "kaiming": (6 / (9 * 4)) ** 0.5}
    for rule, bound in bounds.items():
        weight = block(conv_init=rule).joint.weight
        assert 0.9 * bound < weight.abs().max() <= bound


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("scale", ["none", "rsqrt"])
def test_fused_attention_and_its_gradients_equal_the_definition(part, scale):
    module, x = non_local(part, scale=scale), maps().requires_grad_()
    leaves = (x, *module.parameters())
    weights = maps(c=6)

    fused, plain = module(x), explicit(module, x)

    torch.testing.assert_close(fused, plain, atol=1e-12, rtol=1e-12)
    pairs = [torch.autograd.grad((out * weights).sum(), leaves) for out in (fused, plain)]
    for a, b in zip(*pairs, strict=True):
        torch.testing.assert_close(a, b, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("part", PARTS)
def test_fused_attention_in_float32_is_close_to_the_definition(part):
    module, x = non_local(part).float(), maps().float()

    torch.testing.assert_close(module(x), explicit(module, x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("part", PARTS)
def test_no_attention_matrix_is_ever_in_memory(part):
    module = non_local(part).float()

    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):  # raises where the kernel does not take the input
        module(maps().float().requires_grad_()).sum().backward()


def test_one_output_is_the_weighted_sum_over_the_frames_of_its_joint():
    module, x = non_local("t"), maps()
    frames = x[1, :, :, 2].T
    query, keys, values = module.query(frames[3]), module.key(frames), module.value(frames)
    weights = [torch.exp(query @ key) for key in keys]

    attended = sum(w * value for w, value in zip(weights, values, strict=True)) / sum(weights)

    torch.testing.assert_close(module(x)[1, :, 3, 2], module.output(attended))


@pytest.mark.parametrize("scale", ["none", "rsqrt"])
@pytest.mark.parametrize("part", ["t", "s"])
def test_golden_values_of_three_positions(part, scale):
    module = non_local(part, sizes=(2, 2, 2), scale=scale)
    for linear in (module.query, module.key, module.value, module.output):
        nn.init.eye_(linear.weight)
    points = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], dtype=torch.float64).T
    x = points[None, :, :, None] if part == "t" else points[None, :, None, :]

    y = module(x).flatten(2)[0].T

    golden = torch.tensor(GOLDEN[scale], dtype=torch.float64)
    torch.testing.assert_close(y, golden, atol=1e-12, rtol=0)


@pytest.mark.parametrize(("part", "size"), [("t", (3, 4)), ("s", (5, 2)), ("st", (3, 2))])
def test_pooled_keys_and_values_are_halved_along_the_axes_of_the_module(part, size):
    module, seen = non_local(part, kv_pool=2), []
    module.key.register_forward_pre_hook(lambda _, given: seen.append(given[0]))

    y = module(maps())

    assert seen[0].numel() == 2 * size[0] * size[1] * 3
    assert y.shape == (2, 6, 5, 4)


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("parts", "count"), [(("t",), 1), (("s",), 1), (("t", "s", "st"), 1), (("t", "s", "st"), 3)]
)
def test_fresh_non_local_modules_change_nothing(parts, count, training, gate):
    local, slnl = stack(0), stack(count, parts, gate)
    missing = slnl.load_state_dict(local.state_dict(), strict=False)
    x = maps(t=8, v=8).float()

    outputs = [network.train(training)(x) for network in (local, slnl)]

    assert not missing.unexpected_keys
    assert torch.equal(*outputs)


@pytest.mark.parametrize("part", PARTS)
def test_the_first_step_moves_the_output_and_the_second_the_embeddings(part):
    module = stack(1, (part,))
    attention = module[0].non_local[part]
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    embeddings = [attention.query.weight, attention.key.weight, attention.value.weight]

    for step in range(2):
        optimizer.zero_grad()
        module(maps(t=8, v=8).float()).square().sum().backward()
        optimizer.step()

        assert attention.output.weight.grad.any()
        assert all(bool(weight.grad.any()) == (step == 1) for weight in embeddings)


def test_a_block_is_linear_up_to_its_norm():
    module, x = block(in_channels=4).double().eval(), maps(c=4)
    first = module.temporal(x) + module.spatial(x)

    y = module(x)

    torch.testing.assert_close(y, module.norm(module.joint(first) + x).relu())


@pytest.mark.parametrize("order", ["post_add", "pre_add", "post_relu"])
def test_the_order_of_norm_residual_and_relu(order):
    module, x = block(norm_order=order).double(), maps()
    out, residual = module.joint(module.temporal(x) + module.spatial(x)), module.shortcut(x)
    expected = {
        "post_add": lambda: module.norm(out + residual).relu(),
        "pre_add": lambda: (module.norm(out) + residual).relu(),
        "post_relu": lambda: module.norm((out + residual).relu()),
    }

    torch.testing.assert_close(module(x), expected[order]())


@pytest.mark.parametrize(("stage", "inner", "norms"), [("chain", "bn_relu", 3), ("sum", "relu", 1)])
def test_an_inner_activation_stands_between_the_convolutions(stage, inner, norms):
    module, x, seen = block(first_stage=stage, inner_activation=inner), maps().float(), []
    for conv in (module.joint, *([module.spatial] if stage == "chain" else [])):
        conv.register_forward_pre_hook(lambda _, given: seen.append(given[0]))

    module(x)

    assert all((given >= 0).all() for given in seen)
    assert sum(isinstance(part, nn.BatchNorm2d) for part in module.modules()) == norms


def test_a_chain_gives_the_spatial_convolution_what_the_temporal_one_makes():
    module, x = block(first_stage="chain").double(), maps()

    stage = module.spatial(module.temporal(x))

    out = module.norm(module.joint(stage) + module.shortcut(x)).relu()
    torch.testing.assert_close(module(x), out)


def test_concatenated_halves_each_have_their_own_non_local_module():
    module, x = block(("t", "s"), first_stage="concat").double(), maps()
    for part in module.non_local.values():
        nn.init.normal_(part.output.weight)
    halves = [
        module.temporal(x) + module.non_local["t"](x),
        module.spatial(x) + module.non_local["s"](x),
    ]

    out = module.joint(torch.cat(halves, dim=1)) + module.shortcut(x)

    torch.testing.assert_close(module(x), module.norm(out).relu())


@pytest.mark.parametrize(("st_input", "channels"), [("h", 4), ("x", 3)])
def test_the_joint_module_sees_the_first_stage_or_the_input(st_input, channels):
    module = block(("st",), st_input=st_input)

    assert module.non_local["st"].query.in_features == channels
    assert module(maps().float()).shape == (2, 4, 5, 4)


def test_every_coordinate_system_starts_orthogonal():
    network = TransformNetwork(3, 5, TransformOptions(coordinate_systems=4, new_joints=7))

    systems = network[0].weight.view(4, 3, 3)

    torch.testing.assert_close(systems @ systems.mT, torch.eye(3).expand(4, 3, 3))


@pytest.mark.parametrize("activation", ["none", "relu"])
def test_the_transformers_combine_coordinates_and_then_joints(activation):
    options = TransformOptions(coordinate_systems=2, new_joints=7, activation=activation)
    network = TransformNetwork(3, 4, options).double()
    coordinates, joints = network[0].weight[:, :, 0, 0], network[-1].weight

    y = network(maps())

    systems = torch.einsum("kc,nctv->nktv", coordinates, maps())
    systems = systems.relu() if activation == "relu" else systems
    torch.testing.assert_close(y, systems @ joints.T)


def test_convolutions_instead_of_transformers_end_with_relu_and_keep_the_size():
    network = TransformNetwork(3, 4, TransformOptions(kind="cnn", coordinate_systems=2)).double()

    y = network(maps())

    torch.testing.assert_close(y, network[2](network[0](maps()).relu()).relu())
    assert y.shape == (2, 6, 5, 4)


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"channels": ()}, r"channels must be positive, one number a block, got \(\)"),
        ({"kernels": (3, 3)}, r"one for each of the 3 blocks, got \(3, 3\)"),
        ({"kernels": (4,)}, r"kernels must be odd and positive, got \(4,\)"),
        ({"num_slnl_blocks": 4}, "num_slnl_blocks must be 0 to 3, the number of blocks, got 4"),
        ({"parts": ("t", "t")}, r"none twice .* got \('t', 't'\)"),
        ({"pool_every": 0}, "pool_every must be at least 1, got 0"),
    ],
)
def test_a_senseless_stack_is_refused_with_its_value(options, rule):
    with pytest.raises(ValueError, match=rule):
        stack(**{"num_slnl_blocks": 1, **options})
