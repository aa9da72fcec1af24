"""Holders that need room together: each for one replica more, and all of them at once."""

import pytest

from poolkeeper.core.quota.bank import Bank
from poolkeeper.core.quota.holding import PROMISE_SECONDS, Holding
from poolkeeper.core.quota.quota import Measure, Part, Quota, Unit

PREFILL, DECODE, FREE = ("ns", "prefill"), ("ns", "decode"), ("ns", "free")


def bank(chips: int, **uses: int) -> Bank:
    made = Bank()
    made.declare(Quota("site", (Measure(Unit.CHIPS, "gpu"),), (chips,)))
    for name, use in uses.items():
        made.place(("ns", name), {"site": Part(0, (use,))})
    return made


@pytest.mark.parametrize(("chips", "fits"), [(11, False), (12, True), (13, True)])
def test_all_of_them_fit_or_none_does(chips: int, fits: bool) -> None:
    assert bank(chips, prefill=8, decode=4).fits_together([PREFILL, DECODE]) is fits


def test_what_is_held_already_is_no_room() -> None:
    made = bank(12, prefill=8, decode=4, other=1)
    made.hold(("ns", "other"), 1, 0)
    assert not made.fits_together([PREFILL, DECODE])
    assert made.fits_together([DECODE])


def test_what_no_quota_counts_needs_no_room() -> None:
    assert bank(8, prefill=8).fits_together([PREFILL, FREE])


def test_a_use_that_is_not_known_fits_nowhere() -> None:
    made = bank(100, prefill=8)
    made.place(DECODE, {"site": Part(0, (1,), "it is not known")})
    assert not made.fits_together([PREFILL, DECODE])


def test_what_is_kept_for_a_partner_counts_until_it_is_written_or_its_time_is_over() -> None:
    holding = Holding()
    holding.promise(1, 100.0)
    holding.read(0, "7", 100.5)
    holding.saw(0, 0, 100.5)
    assert (holding.held, holding.changes_at()) == (1, 100.0 + PROMISE_SECONDS)
    holding.saw(0, 0, 100.0 + PROMISE_SECONDS)
    assert (holding.held, holding.changes_at()) == (0, None)
    holding.promise(1, 200.0)
    holding.written(1, 200.1)
    assert (holding.held, holding.promised) == (1, 0)
