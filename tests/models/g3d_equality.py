"""Ours against a straightforward network: outputs, gradients, and the evaluation after a step."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

TOLERANCE = {"atol": 1e-10, "rtol": 1e-10}


def shake(module: nn.Module) -> nn.Module:
    """Every parameter away from where it starts, float64."""
    for parameter in module.double().parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    return module


def logits(output: object) -> list[Tensor]:
    """Of every head, whatever a network returns."""
    if isinstance(output, Tensor):
        return [output]
    return list(output.heads.values()) if hasattr(output, "heads") else list(output)


def assert_trains_alike(
    ours: nn.Module,
    straightforward: nn.Module,
    weights: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]],
    x: Tensor,
) -> None:
    """One training step, then evaluation; `weights` brings published ones into our layout."""
    ours.load_state_dict(weights(straightforward.state_dict()))
    outputs = [logits(model(x)) for model in (ours, straightforward)]
    directions = [torch.randn_like(y) for y in outputs[0]]
    for output in outputs:
        torch.autograd.backward(output, directions)

    torch.testing.assert_close(*outputs, **TOLERANCE)
    gradients = {key: parameter.grad for key, parameter in straightforward.named_parameters()}
    expected = weights(straightforward.state_dict() | gradients)
    largest = max(gradient.abs().max().item() for gradient in gradients.values())
    for key, parameter in ours.named_parameters():
        torch.testing.assert_close(
            parameter.grad / largest, expected[key] / largest, **TOLERANCE, msg=key
        )
    evaluated = [logits(model.eval()(x)) for model in (ours, straightforward)]
    torch.testing.assert_close(*evaluated, **TOLERANCE)
