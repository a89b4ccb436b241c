from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.storage.errors import LeaseLostError, StudyBusyError
from orchestrator.storage.lease import Held, Owner, Pace, leased, locked_file, take
from orchestrator.storage.place import Place

QUICK = Pace(renewal=0.1, valid=0.3, dead=0.6, settling=0)

HOLD = """
import sys, time
from pathlib import Path
from orchestrator.storage.lease import Pace, leased, locked_file
from orchestrator.storage.place import Place
held = locked_file(Path(sys.argv[2]), "study") if sys.argv[1] == "file" else leased(
    Place(sys.argv[2]), "study", Pace(renewal=0.2, valid=0.6, dead=1.2, settling=0.1)
)
with held:
    print("held", flush=True)
    sys.stdin.read()
"""


class Driver:
    """Another process that holds a study until it is ended."""

    def __init__(self, kind: str, where: str) -> None:
        pipe = subprocess.PIPE
        command = [sys.executable, "-c", HOLD, kind, where]
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "held\n"

    def end(self) -> None:
        self.process.communicate()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def owner(**changes: object) -> Owner:
    return replace(Owner.this_process(), **changes)


def leave(place: Place, held: Held) -> None:
    """As a driver leaves it that is not heard of any more."""
    (place / "00000007.json").write(held.written())


def test_a_study_that_is_done_can_be_had_at_once(place: Place):
    with leased(place, "study", QUICK):
        pass
    began = time.monotonic()

    with leased(place, "study", QUICK):
        assert time.monotonic() - began < QUICK.dead

    assert len(place.names()) == 1


def test_a_second_driver_is_refused_and_told_who_has_the_study(place: Place):
    with (
        leased(place, "study", QUICK),
        pytest.raises(StudyBusyError, match=rf"study is being run by process {os.getpid()} on"),
        leased(place, "study", QUICK),
    ):
        pass


def test_a_driver_of_another_machine_is_dead_once_it_has_been_silent_while_we_watched(place: Place):
    leave(place, Held(owner(host="elsewhere")))
    began = time.monotonic()

    with leased(place, "study", QUICK):
        assert time.monotonic() - began >= QUICK.dead


def test_a_driver_of_another_machine_that_renews_is_alive(place: Place):
    held = Held(owner(host="elsewhere"))
    leave(place, held)
    renewal = threading.Timer(QUICK.dead / 2, leave, (place, replace(held, renewals=1)))
    renewal.start()

    with pytest.raises(StudyBusyError, match="elsewhere"):
        take(place, "study", QUICK)

    renewal.join()


def test_a_driver_whose_process_is_gone_is_not_waited_for(place: Place):
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    child.start()
    started = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19]
    machine = Owner.this_process().process.rpartition(" ")[0]
    gone = owner(pid=child.pid, process=f"{machine} {started}")
    is_gone_before = gone.is_gone
    child.kill()
    child.join()

    assert not is_gone_before
    assert gone.is_gone
    leave(place, Held(gone))
    began = time.monotonic()
    take(place, "study", QUICK)
    assert time.monotonic() - began < QUICK.dead


def test_a_process_number_that_another_process_has_now_is_no_sign_of_life():
    machine = Owner.this_process().process.rpartition(" ")[0]

    assert owner(process=f"{machine} 1").is_gone
    assert not owner().is_gone


@pytest.mark.parametrize("changes", [{"host": "elsewhere"}, {"process": ""}, {"process": "boot 1"}])
def test_of_a_process_elsewhere_nobody_knows_whether_it_is_gone(changes):
    assert not owner(pid=2**22 + 1, **changes).is_gone


def test_a_driver_finds_out_that_its_lease_was_taken_and_writes_no_more(place: Place):
    lease = take(place, "study", QUICK)
    (place / "00000002.json").write(Held(owner(id="other")).written())

    with pytest.raises(LeaseLostError):
        lease.renew()
    with pytest.raises(LeaseLostError):
        lease.require()

    lease.give_back()
    assert place.names() == ["00000001.json", "00000002.json"]
    assert not Held.read((place / "00000001.json").read() or b"").is_ended


def test_a_lease_that_could_not_be_renewed_is_looked_at_before_anything_is_written(place: Place):
    lease = take(place, "study", QUICK)
    time.sleep(QUICK.valid * 1.1)
    lease.require()
    (place / "00000002.json").write(Held(owner(id="other")).written())
    lease.require()  # renewed just now: nobody takes over so soon
    time.sleep(QUICK.valid * 1.1)

    with pytest.raises(LeaseLostError):
        lease.require()


def test_of_many_that_take_a_study_one_gets_it(place: Place):
    """The storage in memory looks whether an object is there and then writes it: who comes last
    is seen after a while."""
    leave(place, Held(owner(), is_ended=True))
    outcomes: list[str] = []

    def attempt() -> None:
        try:
            with leased(place, "study", replace(QUICK, settling=0.2)):
                outcomes.append("got")
                time.sleep(2 * QUICK.dead)
        except StudyBusyError:
            outcomes.append("refused")

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["got", *["refused"] * 7]


@pytest.mark.parametrize("kind", ["file", "lease"])
def test_of_two_processes_the_second_is_refused_until_the_first_has_ended(tmp_path: Path, kind):
    where = str(tmp_path / "lock") if kind == "file" else f"file://{tmp_path}/driver"
    first = Driver(kind, where)

    def hold():
        return locked_file(Path(where), "s") if kind == "file" else leased(Place(where), "s", QUICK)

    with pytest.raises(StudyBusyError, match=f"process {first.process.pid} on"), hold():
        pass
    first.end()
    with hold():
        pass


@pytest.mark.parametrize("kind", ["file", "lease"])
def test_a_killed_process_leaves_the_study_to_the_next_at_once(tmp_path: Path, kind):
    where = str(tmp_path / "lock") if kind == "file" else f"file://{tmp_path}/driver"
    Driver(kind, where).kill()
    began = time.monotonic()

    with locked_file(Path(where), "s") if kind == "file" else leased(Place(where), "s"):
        assert time.monotonic() - began < Pace().dead / 2


def test_a_stopped_process_loses_its_lease_only_after_the_time_of_a_dead_one(tmp_path: Path):
    where = f"file://{tmp_path}/driver"
    first = Driver("lease", where)
    first.process.send_signal(signal.SIGSTOP)
    began = time.monotonic()

    with leased(Place(where), "study", QUICK):
        waited = time.monotonic() - began
    first.kill()

    assert waited >= QUICK.dead
