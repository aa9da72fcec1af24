"""Each member of the API's union has a kind of queue that reads it."""

import typing

import pytest

from poolkeeper.api.base import ApiModel
from poolkeeper.api.demand import DemandSource, Http, ModelMetrics, RedisList, RedisStream
from poolkeeper.sources.base import SourceFailure
from poolkeeper.sources.registry import QUEUES, counts_taken, queue_of, sees_in_flight

ADDRESS = "redis.serving.svc:6379"


def test_every_member_of_the_union_is_registered() -> None:
    members = {
        name
        for name, field in DemandSource.model_fields.items()
        for kind in typing.get_args(field.annotation)
        if isinstance(kind, type) and issubclass(kind, ApiModel)
    }
    assert set(QUEUES) | {"http"} == members, "requests to a Service are followed with the activators"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (DemandSource(name="q", redis_list=RedisList(address=ADDRESS, list="jobs")), False),
        (
            DemandSource(name="q", redis_list=RedisList(address=ADDRESS, list="jobs", processing_list="p")),
            True,
        ),
        (DemandSource(name="q", redis_stream=RedisStream(address=ADDRESS, stream="s", group="g")), True),
        (DemandSource(name="q"), False),
    ],
)
def test_which_sources_see_work_in_flight(source: DemandSource, expected: bool) -> None:
    assert sees_in_flight(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            DemandSource(name="q", redis_list=RedisList(address=ADDRESS, list="jobs", processing_list="p")),
            False,
        ),
        (DemandSource(name="q", redis_stream=RedisStream(address=ADDRESS, stream="s", group="g")), True),
        (DemandSource(name="q", http=Http(service="s", port=80)), True),
        (
            DemandSource(name="q", http=Http(service="s", port=80, metrics=ModelMetrics(running_series="r"))),
            False,
        ),
        (
            DemandSource(
                name="q",
                http=Http(
                    service="s", port=80, metrics=ModelMetrics(running_series="r", activity_series="a")
                ),
            ),
            True,
        ),
        (DemandSource(name="q"), False),
    ],
)
def test_which_sources_notice_a_request_that_comes_and_goes_between_two_reads(
    source: DemandSource, expected: bool
) -> None:
    assert counts_taken(source) == expected


def test_a_source_of_a_newer_version_is_named() -> None:
    with pytest.raises(SourceFailure, match="it names no kind of queue that this version knows"):
        queue_of(DemandSource(name="q"))
