"""Which reasons of conditions become events, by the time alone."""

from poolkeeper.controller.pool.history import SAME_REASON_SECONDS, ReasonLimit


def reported(reasons: str, *, apart: float) -> str:
    """Those of a sequence of one-letter reasons that are reported, so many seconds apart; the first is
    known."""
    limit = ReasonLimit()
    return "".join(
        reason
        for number, reason in enumerate(reasons)
        if limit.allows("Ready", reasons[0], reason, number * apart)
    )


def test_each_new_reason_is_reported_at_once() -> None:
    assert reported("aabbccc", apart=1.0) == "bc"


def test_one_that_was_reported_a_short_while_ago_is_not_reported_again() -> None:
    assert reported("abababab", apart=1.0) == "ba"
    assert reported("abcbcbcb", apart=1.0) == "bc"


def test_one_that_remains_is_reported_again_when_some_time_has_passed() -> None:
    assert reported("abcb" + "b" * 20, apart=SAME_REASON_SECONDS / 10) == "bcb"


def test_conditions_do_not_count_for_each_other() -> None:
    limit = ReasonLimit()
    limit.note("Ready", "ApiTimeout", 0.0)
    assert limit.allows("DemandKnown", "Fresh", "ApiTimeout", 1.0)


def test_a_thousand_reasons_do_not_add_up() -> None:
    limit = ReasonLimit()
    for number in range(1000):
        limit.note("Ready", f"Reason{number}", number * SAME_REASON_SECONDS / 10)
    assert max(len(kept) for kept in vars(limit).values()) <= 10
