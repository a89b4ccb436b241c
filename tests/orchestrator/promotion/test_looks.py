from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from orchestrator.home import Home
from orchestrator.promotion.looks import Ledger, ordinal


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.of(Home(tmp_path), "digest", "xsub")


def test_looks_are_numbered_and_say_who_saw_what(ledger):
    ledger.ask("one", ("a",))

    look = ledger.ask("two", ("b", "c"))
    ledger.tell(look, 91.5)

    first, second = ledger.looks()
    assert (first.number, first.model, first.figure) == (1, "one", None)
    assert (second.number, second.trials, second.figure) == (2, ("b", "c"), 91.5)
    assert "@" in second.who
    assert look.told() == "2nd look at this test split"


def test_the_same_trainings_look_once(ledger):
    look = ledger.ask("one", ("a",))
    ledger.tell(look, 91.5)

    again = ledger.ask("one", ("a",))
    ledger.tell(again, 91.5)

    assert again.number == 1
    assert len(ledger.looks()) == 1


def test_a_model_that_is_evaluated_by_itself_looks_each_time(ledger):
    numbers = [ledger.ask("model", ()).number for _ in range(3)]

    assert numbers == [1, 2, 3]


def test_each_split_has_its_own_count(ledger, tmp_path):
    ledger.ask("one", ("a",))

    assert Ledger.of(Home(tmp_path), "digest", "xview").ask("one", ("a",)).number == 1
    assert Ledger.of(Home(tmp_path), "other", "xsub").ask("one", ("a",)).number == 1


def test_two_processes_never_have_the_same_number(ledger, tmp_path):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_look_often, args=[tmp_path, name]) for name in "ab"]

    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)

    assert [look.number for look in ledger.looks()] == list(range(1, 11))


def test_a_line_that_a_crash_tore_is_no_look(ledger):
    ledger.ask("one", ("a",))
    with ledger.folder.log.open("ab") as file:
        file.write(b'{"event": "asked", "num')

    assert ledger.ask("two", ("b",)).number == 2
    assert len(ledger.looks()) == 2


@pytest.mark.parametrize(
    ("number", "said"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (13, "13th"), (22, "22nd")],
)
def test_ordinals_are_english(number, said):
    assert ordinal(number) == said


def _look_often(root: Path, name: str) -> None:
    for number in range(5):
        Ledger.of(Home(root), "digest", "xsub").ask(name, (f"{name}{number}",))
