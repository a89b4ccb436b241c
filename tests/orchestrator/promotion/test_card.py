from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from data import DATASETS
from data.store import ArrayStore, open_store
from data.terms import TERMS, terms_of
from orchestrator.artefact.members import Artefact, Member, make_artefact
from orchestrator.engine.network import build_model
from orchestrator.promotion.card import (
    Facts,
    accuracy,
    card,
    class_rows,
    confused_pairs,
    short_description,
)
from orchestrator.promotion.looks import Look
from orchestrator.promotion.measuring import Costs, Latency, costs_of, robustness
from tests.engine.trials import make_config
from tests.orchestrator.promotion.made_up import hitting

CLASSES = ("wave", "<b>jump</b> | hop", "sit", "stand")
COSTS = Costs(1000, 2_000_000, (Latency(1, 1.0, 2.0), Latency(64, 10.0, 20.0)), 12.0, "a machine")
LOOK = Look(3, "somebody@somewhere", "today", "tiny", ("a", "b"), 90.0)


@pytest.fixture(scope="module")
def store(data_root: Path) -> ArrayStore:
    return open_store("synthetic", data_root)


@pytest.fixture(scope="module")
def artefact(store: ArrayStore) -> Artefact:
    config = make_config({"model": {"name": "stgcn", "width": 4}, "select_on": "none"})
    member = Member("joint", config, build_model(config, store.info).eval())
    return make_artefact("tiny", [member], store)


@pytest.fixture(scope="module")
def facts(artefact: Artefact) -> Facts:
    noise = [(0.0, 90.0), (0.1, 70.0)]
    lineage = {"study": "s", "variant": "<script>alert(1)</script>"}
    return Facts(artefact.description, hitting(90, 80), LOOK, COSTS, noise, lineage, "Ask.", "test")


def test_the_card_says_what_has_to_be_known(facts):
    text = card(facts)["card.md"]

    assert "Test top-1 **85.00 %**" in text
    assert "3rd look at this test split, by somebody@somewhere at today" in text
    assert "this is not a held-out figure" in text
    assert "| 10 % | 70.00 |" in text
    assert "| 64 | 10.0 | 20.0 |" in text
    assert "The weights here are those of seed 0. Each seed: 0: 90.00, 1: 80.00." in text
    assert "Ask." in text
    assert "name: stgcn" in text


def test_the_page_needs_nothing_else_and_runs_nothing(facts):
    page = card(facts)["card.html"]

    HTMLParser().feed(page)
    assert not re.search(r"<(script|link|img|iframe)|src=|url\(", page)
    assert "&lt;script&gt;" in page


def test_the_description_for_the_registry_is_short(facts):
    told = short_description(facts)

    assert "Test top-1 85.00 %" in told
    assert len(told) < 250


def test_classes_are_told_with_their_clips_and_means_over_seeds():
    rows = class_rows(hitting(100, 50), [*CLASSES, "nobody"])

    assert [row.num_clips for row in rows] == [25, 25, 25, 25, 0]
    assert rows[0].top1 == pytest.approx(100 * (25 + 13) / 50)  # 13 of the first 50 are of class 0
    assert rows[4].top1 is None


def test_confused_pairs_come_by_their_share():
    pairs = confused_pairs(hitting(99), CLASSES)

    assert [(pair.true, pair.taken_for, pair.percent) for pair in pairs] == [("stand", "wave", 4.0)]


def test_of_one_seed_the_interval_is_over_clips():
    found = accuracy(hitting(90))

    assert (found.low, found.high) == pytest.approx((82.56, 94.48), abs=0.01)  # Wilson, 90 of 100
    assert found.over == "100 clips of one training"


def test_costs_are_those_of_the_networks(artefact):
    costs = costs_of(artefact, "cpu")

    (network,) = artefact.networks
    assert costs.num_params == sum(p.numel() for p in network.parameters())
    assert [latency.batch for latency in costs.latencies] == [1, 64]
    assert all(0 < latency.p50 <= latency.p95 for latency in costs.latencies)
    assert costs.memory_mb > 4 * costs.num_params / 2**20


def test_robustness_begins_with_whole_clips(artefact, store):
    found = robustness(artefact, store, "xsub", "cpu")

    assert [share for share, _ in found] == [0.0, 0.01, 0.05, 0.1]
    assert all(0 <= top1 <= 100 for _, top1 in found)
    assert np.isfinite(found).all()


def test_every_data_set_says_under_which_terms_it_is_given():
    assert TERMS.keys() == DATASETS.keys()
    assert "own" in terms_of("mine")
