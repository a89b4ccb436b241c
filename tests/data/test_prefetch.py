import threading
import time

import pytest

from data.prefetch import prefetched


def test_results_come_in_the_order_of_the_jobs() -> None:
    def slow_first(job: int) -> int:
        time.sleep(0.02 if job % 2 == 0 else 0.0)
        return 10 * job

    assert list(prefetched(slow_first, range(7))) == [10 * job for job in range(7)]


def test_two_jobs_are_begun_before_a_result_is_handed_out_and_no_more() -> None:
    asked = []

    def jobs():
        for job in range(6):
            asked.append(job)
            yield job

    results = prefetched(lambda job: job, jobs())

    assert next(results) == 0
    assert asked == [0, 1, 2]
    assert next(results) == 1
    assert asked == [0, 1, 2, 3]


def test_work_is_done_by_other_threads() -> None:
    threads = set(prefetched(lambda _: threading.current_thread(), range(4)))

    assert threading.current_thread() not in threads


def test_an_error_is_raised_at_its_place() -> None:
    def fail_at_two(job: int) -> int:
        if job == 2:
            raise ValueError("clip 2 is damaged")
        return job

    results = prefetched(fail_at_two, range(5))

    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="clip 2 is damaged"):
        next(results)


def test_no_thread_is_left_when_the_reader_goes_away() -> None:
    before = threading.active_count()
    results = prefetched(lambda job: job, range(100))
    next(results)

    results.close()

    assert threading.active_count() == before
