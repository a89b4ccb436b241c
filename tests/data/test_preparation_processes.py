"""Preparing by several processes, one after another or at once: the store is the same."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from data.dataset import Clip, RawClip
from data.preparation import prepare
from data.store import open_store
from tests.data.preparing import (
    FOLDER,
    HELD_FROM,
    NUM_CLIPS,
    PART,
    bytes_of,
    hold,
    names_in,
    names_read,
)
from tests.data.stores import make_clip, make_store, source_of, split_chain

pytestmark = pytest.mark.usefixtures("small_parts")


def test_any_number_of_workers_makes_the_same_store(raw: Path, tmp_path: Path) -> None:
    (raw / "005.npy").write_bytes(b"broken")
    stores = [
        prepare(FOLDER, raw, tmp_path / str(n), workers=n, on_error="skip") for n in (1, 2, 3)
    ]

    first, second, third = map(bytes_of, stores)
    assert first == second == third


def test_progress_is_told_up_to_the_last_clip(raw: Path, root: Path) -> None:
    told: list[tuple[int, int]] = []

    prepare(FOLDER, raw, root, workers=2, progress=lambda done, total: told.append((done, total)))

    assert told == [(done, NUM_CLIPS) for done in range(0, NUM_CLIPS + 1, PART)]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


@pytest.fixture
def kill_midway(raw: Path, root: Path) -> Callable[[int], None]:
    """Have a preparation read what it can, `kill -9` it, and let go of what was held up."""

    def run(workers: int) -> None:
        hold(raw).touch()
        process = multiprocessing.get_context("fork").Process(
            target=prepare, args=(FOLDER, raw, root), kwargs={"workers": workers}
        )
        process.start()
        parts = HELD_FROM // PART
        wait_for(lambda: len(list(root.glob(".nw_ucla-*.partial/*.json"))) == parts)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        time.sleep(0.5)  # in which its workers end
        hold(raw).unlink()

    return run


@pytest.mark.parametrize("workers", [1, 3])
def test_after_a_kill_the_parts_are_taken_over_and_the_store_is_the_same(
    raw: Path, root: Path, kill_midway, workers: int
) -> None:
    kill_midway(workers)
    told: list[int] = []

    store = prepare(FOLDER, raw, root, workers=2, progress=lambda done, _: told.append(done))

    assert told[0] == HELD_FROM
    undisturbed = prepare(FOLDER, raw, root.with_name("undisturbed"))
    assert bytes_of(store) == bytes_of(undisturbed)
    assert names_in(root) == ["nw_ucla"]


def end_this_process(path: Path) -> Clip:
    os._exit(9)


def test_a_killed_worker_is_told_in_one_line(raw: Path, root: Path) -> None:
    def scan(raw: Path) -> list[RawClip]:
        return [RawClip(f"{number}", partial(end_this_process, raw)) for number in range(200)]

    with pytest.raises(ChildProcessError, match=r"ended from outside.*goes on from here"):
        prepare(replace(FOLDER, scan=scan), raw, root, workers=2)


def test_the_workers_of_a_killed_preparation_end_too(raw: Path, root: Path, kill_midway) -> None:
    kill_midway(3)

    time.sleep(0.3)

    assert len(names_read(raw)) == HELD_FROM


@pytest.mark.parametrize("change", ["content", "more", "options"])
def test_parts_of_other_raw_files_or_options_are_not_taken_over(
    raw: Path, root: Path, kill_midway, change: str
) -> None:
    kill_midway(1)
    if change == "content":
        np.save(raw / "001.npy", make_clip(2, 99).skeleton[:, 0])
    if change == "more":
        np.save(raw / "100.npy", make_clip(2, 99).skeleton[:, 0])
    options = {"scale": 2.0} if change == "options" else {}
    told: list[int] = []

    store = prepare(FOLDER, raw, root, progress=lambda done, _: told.append(done), **options)

    assert told[0] == 0
    fresh = prepare(FOLDER, raw, root.with_name("fresh"), **options)
    assert store.digest == fresh.digest
    assert names_in(root) == ["nw_ucla"]


def test_a_request_is_recognised_by_another_process(raw: Path) -> None:
    """Sets of words have another order in every process."""
    code = (
        "from functools import partial; from pathlib import Path;"
        "from data.dataset import RawClip; from data.working_folder import request_digest;"
        "words = frozenset(map(str, range(50)));"
        f"print(request_digest(Path({str(raw)!r}), [RawClip('a', partial(print, words))]))"
    )
    environments = [os.environ | {"PYTHONHASHSEED": seed} for seed in "12"]

    one, other = (
        subprocess.run([sys.executable, "-c", code], env=env, check=True, capture_output=True)
        for env in environments
    )

    assert one.stdout == other.stdout
    assert len(one.stdout.strip()) == 64


def prepare_at_once(raw: Path, root: Path, barrier, digests) -> None:
    barrier.wait()
    digests.put(prepare(FOLDER, raw, root).digest)


def test_of_several_preparers_at_once_one_reads_and_all_have_its_store(raw, root) -> None:
    context = multiprocessing.get_context("fork")
    barrier, digests = context.Barrier(4), context.Queue()
    workers = [
        context.Process(target=prepare_at_once, args=(raw, root, barrier, digests))
        for _ in range(4)
    ]

    for worker in workers:
        worker.start()
    found = {digests.get(timeout=60) for _ in workers}
    for worker in workers:
        worker.join(timeout=60)

    assert found == {open_store("nw_ucla", root).digest}
    assert sorted(names_read(raw)) == [f"{number:03d}" for number in range(NUM_CLIPS)]
    assert names_in(root) == ["nw_ucla"]


def scan_while_another_finishes(root: Path, raw: Path | None) -> list[RawClip]:
    make_store(root, [make_clip(9, 0)])
    return [RawClip("clip00", partial(make_clip, 3, 0))]


def test_the_loser_of_a_race_takes_the_winners_store(tmp_path: Path) -> None:
    source = replace(
        source_of([]),
        scan=partial(scan_while_another_finishes, tmp_path),
        splits={"xsub": split_chain},
    )

    store = prepare(source, None, tmp_path)

    assert store.offsets.tolist() == [0, 9]
    assert names_in(tmp_path) == ["nw_ucla"]


def load_while_another_finishes(root: Path):
    make_store(root, [make_clip(9, 0)])
    return make_clip(3, 0)


def test_a_store_that_appears_while_clips_are_read_stays(tmp_path: Path) -> None:
    listed = [RawClip("clip00", partial(load_while_another_finishes, tmp_path))]

    store = prepare(replace(source_of([]), scan=lambda raw: listed), None, tmp_path)

    assert store.offsets.tolist() == [0, 9]
    assert names_in(tmp_path) == ["nw_ucla"]
