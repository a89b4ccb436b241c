from orchestrator.causes import Cause
from orchestrator.cluster.desk import Desk


def test_the_desk_hands_over_what_it_was_told_once_and_keeps_the_first_error():
    desk = Desk()
    desk.tell({"epoch": 0.0})
    desk.fail(Cause.DIVERGED, "first")
    desk.fail(Cause.USER_ERROR, "second")

    news, later = desk.news(), desk.news()

    assert news.epochs == [{"epoch": 0.0}]
    assert (news.cause, news.error) == (Cause.DIVERGED, "first")
    assert later.epochs == []


def test_the_desk_tells_workers_when_no_further_epoch_is_wanted():
    desk = Desk()
    before = desk.tell({"epoch": 0.0})

    desk.stop()

    assert (before, desk.tell({"epoch": 1.0})) == (True, False)
