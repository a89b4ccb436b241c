from orchestrator.records import State
from orchestrator.search.spec import Stop
from orchestrator.search.stop_rules import running_seconds, stop_reason
from tests.orchestrator.made_up import TOP1, make_plan, make_record


def event(kind: str, trial: str, time: float, state: State | None = None) -> dict[str, object]:
    return {"event": kind, "trial": trial, "time": time, "state": state}


def test_time_counts_once_while_any_trial_runs():
    events = [
        event("planned", "a", 0),
        event("started", "a", 100),
        event("started", "b", 110),
        event("ended", "a", 150, State.COMPLETE),
        event("epoch", "b", 160),
        event("ended", "b", 170, State.PRUNED),
        event("planned", "c", 500),
        event("started", "c", 500),
        event("ended", "c", 510, State.COMPLETE),
    ]

    assert running_seconds(events) == 70 + 10


def test_the_time_between_a_crash_and_the_next_run_does_not_count():
    events = [
        event("started", "a", 0),
        event("epoch", "a", 60),
        event("ended", "a", 9_000, State.INTERRUPTED),
        event("started", "a", 9_010),
        event("ended", "a", 9_030, State.COMPLETE),
    ]

    assert running_seconds(events) == 60 + 20


def test_a_search_ends_when_its_hours_are_over():
    stop = Stop(hours=2)

    assert stop_reason(stop, [TOP1], [], seconds=7_199) is None
    assert stop_reason(stop, [TOP1], [], seconds=7_200) == "trials have run for 2.00 of 2 hours"


def test_a_search_ends_when_its_patience_does():
    records = [make_record(make_plan(str(n)), [90.0 - n]) for n in range(4)]
    for number, record in enumerate(records):
        record.place = number

    assert stop_reason(Stop(patience=4), [TOP1], records, 0) is None
    reason = stop_reason(Stop(patience=3), [TOP1], records, 0)
    assert reason == "3 trials in a row brought no progress (patience 3)"
