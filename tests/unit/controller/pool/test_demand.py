"""Samples on their way into the ledgers: what is news, and that nothing is dated wrongly on the way."""

from dataclasses import replace
from typing import Any

import pytest

from poolkeeper.api.demand import DemandSource
from poolkeeper.controller.pool.demand import PoolDemand
from poolkeeper.core.values.ledger import Sample
from poolkeeper.core.values.observation import ArrivalBucket, Reading, Unavailable


def source(queue: str = "jobs", **changes: Any) -> DemandSource:
    redis_list = {"address": "redis:6379", "list": queue, "processingList": "busy"}
    return DemandSource.model_validate({"name": "jobs", "redisList": redis_list, **changes})


@pytest.fixture
def demand() -> PoolDemand:
    made = PoolDemand()
    made.assign([source()])
    return made


def sample(at: float, queued: int = 0, in_flight: int = 0) -> Sample:
    return Sample("jobs", at, queued, in_flight)


def reading(demand: PoolDemand) -> Reading:
    (found,) = demand.current()
    assert isinstance(found, Reading)
    return found


def test_a_source_that_was_not_read_yet_is_unknown(demand: PoolDemand) -> None:
    (found,) = demand.current()
    assert isinstance(found, Unavailable)


def test_the_first_reading_is_news_and_its_repetition_is_not(demand: PoolDemand) -> None:
    assert demand.enter(sample(10.0))
    assert not demand.enter(sample(10.5))
    assert reading(demand).observed_at == 10.5


@pytest.mark.parametrize("queued", [0, 2])
def test_how_long_workers_have_waited_is_no_news_and_still_kept(demand: PoolDemand, queued: int) -> None:
    """It grows at every look at the server's clients, also for pools that do not ask for it."""
    demand.enter(replace(sample(10.0, queued), quiet_seconds=5.0))
    assert not demand.enter(replace(sample(10.5, queued), quiet_seconds=10.0))
    assert reading(demand).quiet_seconds == 10.0
    assert not demand.enter(replace(sample(11.0, queued), quiet_seconds=None))
    assert reading(demand).quiet_seconds is None


def test_what_arrives_after_repetitions_is_dated_to_the_last_of_them(demand: PoolDemand) -> None:
    for at in (10.0, 10.5, 11.0):
        demand.enter(sample(at))
    assert demand.enter(sample(11.5, queued=2))
    assert reading(demand).waiting == (ArrivalBucket(11.0, 2),)


def test_an_outage_is_news_and_so_is_its_end(demand: PoolDemand) -> None:
    demand.enter(sample(10.0))
    assert demand.enter(Unavailable("jobs", "Refused", "refused", 10.5))
    assert not demand.enter(Unavailable("jobs", "Refused", "refused", 10.5))
    assert demand.enter(sample(11.0))


def test_work_that_stands_still_becomes_orphaned_without_any_change_in_the_queue() -> None:
    demand = PoolDemand()
    demand.assign([source(maxServiceSeconds=5)])
    news = [demand.enter(sample(float(at), in_flight=1)) for at in range(8)]
    assert reading(demand).orphaned == 1
    assert news == [True, False, False, False, False, False, True, False]


def test_a_source_that_stays_keeps_its_ledger_and_a_changed_one_begins_anew(demand: PoolDemand) -> None:
    demand.enter(sample(10.0, queued=3))
    demand.assign([source(), source(name="more")])
    assert isinstance(demand.current()[0], Reading)
    demand.assign([source(queue="others")])
    assert isinstance(demand.current()[0], Unavailable)


def test_what_a_forgotten_source_still_says_is_ignored(demand: PoolDemand) -> None:
    demand.assign([])
    assert not demand.enter(sample(10.0, queued=3))
