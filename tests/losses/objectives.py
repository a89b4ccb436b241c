"""Every loss of the tables as a function of an embedding and labels."""

import inspect
from typing import Literal, get_args, get_origin

import torch
from torch import nn

from losses import LOSSES
from losses.margin import MarginLoss

NUM_CLASSES, EMBEDDING_DIM = 4, 6
LABELS = torch.tensor([0, 3, 3, 1, 2])
CASES = [(kind, name) for kind, table in LOSSES.items() for name in table]


class Objective(nn.Module):
    """A loss and its classifier; without one, the first dimensions of the embedding are logits."""

    def __init__(self, kind, name, **options):
        super().__init__()
        torch.manual_seed(0)
        sizes = (NUM_CLASSES, EMBEDDING_DIM) if kind == "embedding" else ()
        self.on_embedding = kind == "embedding"
        self.loss = LOSSES[kind][name](*sizes, **options)
        self.classifier = None
        if isinstance(self.loss, MarginLoss):
            self.classifier = self.loss.make_classifier(EMBEDDING_DIM, NUM_CLASSES)

    def scores(self, x):
        return x[:, :NUM_CLASSES] if self.classifier is None else self.classifier(x)

    def forward(self, x, labels):
        if self.on_embedding:
            return self.loss(x, labels)
        takes_embedding = isinstance(self.loss, MarginLoss) and self.loss.takes_embedding
        return self.loss(self.scores(x), labels, *((x,) if takes_embedding else ()))


def embeddings(dtype=torch.float32):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(len(LABELS), EMBEDDING_DIM, generator=generator)
    return x.to(dtype).requires_grad_()


def gradients(module, x):
    return [x.grad, *(parameter.grad for parameter in module.parameters())]


def same_state(one, other):
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(a == b and torch.equal(x, y) for (a, x), (b, y) in pairs)


def choices():
    """Kind, name and options of every value of every `Literal`."""
    for kind, name in CASES:
        for option in inspect.signature(LOSSES[kind][name], eval_str=True).parameters.values():
            if get_origin(option.annotation) is Literal:
                for value in get_args(option.annotation):
                    yield kind, name, {option.name: value}
