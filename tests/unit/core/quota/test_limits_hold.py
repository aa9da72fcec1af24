"""What holds in every world: the operator never raises replicas above a limit, whatever it sees late or not
at all.

`python -m hack.bench fleet.quota` takes a million steps.
"""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hack.testing.quota_world import QuotaWorld, Workload
from poolkeeper.core.quota.holding import Holding


@settings(deadline=None, max_examples=60)
@given(st.integers(min_value=0), st.integers(min_value=1, max_value=300))
def test_no_limit_is_ever_exceeded(seed: int, steps: int) -> None:
    world = QuotaWorld(Random(seed))
    for _ in range(steps):
        world.step()


def test_the_worlds_raise_replicas_up_to_the_limits() -> None:
    world = QuotaWorld(Random(3))
    for _ in range(3_000):
        world.step()
    assert world.raises > 30
    assert world.fullest > 0.8


def test_the_worlds_find_books_that_forget_what_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same worlds with an error in the books: pods that terminate count no more."""
    monkeypatch.setattr(Holding, "leaving", property(lambda _: 0))
    with pytest.raises(AssertionError):  # noqa: PT012
        for seed in range(20):
            world = QuotaWorld(Random(seed))
            for _ in range(1_000):
                world.step()


def test_the_worlds_find_books_that_forget_writes_without_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Holding, "unanswered", lambda holding, *_: holding.refused())
    with pytest.raises(AssertionError):  # noqa: PT012
        for seed in range(40):
            world = QuotaWorld(Random(seed))
            for _ in range(1_000):
                world.step()


def test_what_is_asked_for_again_is_beside_what_goes() -> None:
    work = Workload(asked=2, live=2)
    work.ask(0, 0.0)
    work.act()
    work.ask(2, 1.0)
    assert work.used == 4
