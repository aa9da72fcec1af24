"""Which reasons are told, by the time alone."""

from poolkeeper.controller.pool.told_reasons import AGAIN_SECONDS, ToldReasons


def told(reasons: str, *, apart: float) -> str:
    """Those of a sequence of one-letter reasons that are told, so many seconds apart; the first is known."""
    memory = ToldReasons()
    return "".join(
        reason
        for number, reason in enumerate(reasons)
        if memory.take("Ready", reasons[0], reason, number * apart)
    )


def test_each_new_reason_is_told_at_once() -> None:
    assert told("aabbccc", apart=1.0) == "bc"


def test_one_that_was_told_a_short_while_ago_is_not_told_again() -> None:
    assert told("abababab", apart=1.0) == "ba"
    assert told("abcbcbcb", apart=1.0) == "bc"


def test_one_that_remains_is_told_again_when_some_time_has_passed() -> None:
    assert told("abcb" + "b" * 20, apart=AGAIN_SECONDS / 10) == "bcb"


def test_conditions_do_not_count_for_each_other() -> None:
    memory = ToldReasons()
    memory.note("Ready", "ApiTimeout", 0.0)
    assert memory.take("DemandKnown", "Fresh", "ApiTimeout", 1.0)


def test_a_thousand_reasons_do_not_add_up() -> None:
    memory = ToldReasons()
    for number in range(1000):
        memory.note("Ready", f"Reason{number}", number * AGAIN_SECONDS / 10)
    assert max(len(kept) for kept in vars(memory).values()) <= 10
