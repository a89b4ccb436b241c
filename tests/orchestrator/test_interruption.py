import os
import signal

import pytest

from orchestrator.interruption import Stop, stopping_on_signals

BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@BOTH
def test_the_first_signal_asks_to_stop_and_the_second_stops(number: signal.Signals):
    stop = Stop()

    with stopping_on_signals(stop):
        os.kill(os.getpid(), number)
        assert stop.is_wanted
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)


@BOTH
def test_the_handlers_of_before_are_there_again(number: signal.Signals):
    before = signal.getsignal(number)

    with stopping_on_signals(Stop()):
        assert signal.getsignal(number) != before

    assert signal.getsignal(number) == before


def test_epochs_have_the_grace_period_to_end():
    patient, hasty = Stop(grace=60), Stop(grace=0)

    patient.ask()
    hasty.ask()

    assert (patient.is_due, hasty.is_due) == (False, True)


def test_trouble_stops_at_once_and_the_first_is_told():
    stop, first = Stop(), OSError("disk full")

    stop.fail(first)
    stop.fail(ValueError("a consequence"))

    assert stop.is_due
    assert stop.error is first
