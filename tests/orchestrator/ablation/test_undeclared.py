"""Which differing paths a change writes."""

import pytest

from orchestrator.ablation.undeclared import undeclared

BASELINE = {"loss": {"embedding": {"name": "rdl", "inter": 1}, "center_lr": None}}


@pytest.mark.parametrize(
    ("changes", "variant", "path", "is_declared"),
    [
        ({"loss.embedding.inter": 0}, {}, "loss.embedding.inter", True),
        ({"loss.embedding": None}, {"embedding": None}, "loss.embedding.inter", True),
        ({"loss.embedding": {"name": "rdl"}}, {}, "loss.embedding.inter", False),
        (
            {"loss.embedding": {"name": "center"}},
            {"embedding": {"name": "center"}},
            "loss.embedding.inter",
            True,
        ),
        ({"loss": {"center_lr": 1}}, {"embedding": None}, "loss.embedding.inter", False),
        ({"loss.center_lr": 1}, {}, "loss.embedding.inter", False),
        (
            {"loss.embedding.name": "center"},
            {"embedding": {"name": "center"}},
            "loss.embedding.inter",
            True,
        ),
        ({"loss.embedding.name": "rdl"}, {}, "loss.embedding.inter", False),
    ],
)
def test_which_paths_a_change_writes(changes, variant, path, is_declared):
    after = {"loss": BASELINE["loss"] | variant}

    found = undeclared(changes, {path: (1, 0)}, BASELINE, after)

    assert (found == {}) is is_declared
