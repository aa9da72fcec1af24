"""How many replicas count, while what is known of them is older than what is true."""

from poolkeeper.core.quota.holding import SETTLE_SECONDS, UNANSWERED_SECONDS, Holding

T0 = 1_000.0


def seen(asked: int, live: int, ending: int = 0, version: str = "1") -> Holding:
    holding = Holding()
    holding.saw(live, ending, T0)
    holding.read(asked, version, T0)
    return holding


def counted(holding: Holding) -> int:
    return holding.held + holding.leaving


def test_what_is_asked_for_counts_before_it_has_pods() -> None:
    assert counted(seen(asked=3, live=1)) == 3


def test_a_terminating_pod_counts_beside_what_is_asked_for() -> None:
    assert counted(seen(asked=2, live=2, ending=1)) == 3


def test_a_raise_counts_from_its_reservation_on() -> None:
    holding = seen(asked=1, live=1)
    holding.reserve(3)
    assert counted(holding) == 3
    holding.written(3, T0)
    assert counted(holding) == 3


def test_a_refused_raise_counts_no_more() -> None:
    holding = seen(asked=1, live=1)
    holding.reserve(3)
    holding.refused()
    assert counted(holding) == 1


def test_a_raise_without_an_answer_counts_while_its_version_stands() -> None:
    holding = seen(asked=1, live=1, version="7")
    holding.reserve(3)
    holding.unanswered("7", T0)
    holding.read(1, "7", T0 + 1.0)
    assert counted(holding) == 3
    holding.read(1, "8", T0 + 2.0)
    holding.saw(1, 0, T0 + 2.0 + SETTLE_SECONDS)
    assert counted(holding) == 1


def test_a_raise_without_an_answer_counts_no_more_once_the_api_server_has_given_up() -> None:
    holding = seen(asked=1, live=1, version="7")
    holding.reserve(3)
    holding.unanswered("7", T0)
    assert holding.changes_at() == T0 + UNANSWERED_SECONDS
    holding.read(1, "7", T0 + UNANSWERED_SECONDS)
    holding.saw(1, 0, T0 + UNANSWERED_SECONDS + SETTLE_SECONDS)
    assert counted(holding) == 1


def test_pods_that_nobody_has_seen_count_for_a_while_after_the_target_was_lowered() -> None:
    holding = seen(asked=5, live=3)
    holding.written(2, T0)
    assert counted(holding) == 5
    holding.saw(2, 1, T0 + 1.0)
    assert counted(holding) == 5
    holding.saw(2, 1, T0 + SETTLE_SECONDS)
    assert counted(holding) == 3
    holding.saw(2, 0, T0 + SETTLE_SECONDS + 1.0)
    assert counted(holding) == 2


def test_a_raise_just_after_a_lowering_counts_beside_all_that_may_be_going() -> None:
    holding = seen(asked=5, live=5)
    holding.written(2, T0)
    holding.reserve(3)
    assert counted(holding) == 6


def test_a_pool_that_was_not_read_counts_with_what_may_be_there() -> None:
    holding = seen(asked=2, live=2)
    holding.assume(at_most=8, noted=3)
    assert counted(holding) == 8
    holding.saw(2, 0, T0)
    holding.read(2, "9", T0)
    assert counted(holding) == 3, "the leader before may have lowered it a moment ago"
    holding.saw(2, 0, T0 + SETTLE_SECONDS)
    assert counted(holding) == 2
