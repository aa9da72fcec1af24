"""Workers that wait in BRPOP take jobs before they can be counted; a real server shows how long they wait."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator

import pytest
import redis

from hack.testing.redis_server import LocalRedis
from poolkeeper.api.demand import DemandSource, RedisAuth, SecretKey
from poolkeeper.core.values.ledger import Sample
from poolkeeper.sources.redis import quiet
from tests.integration.redis.sources import list_source, stream_source
from tests.integration.sources.listening import POOL, Listening

SECONDS = 5.0


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients are looked at several times a second."""
    monkeypatch.setattr(quiet, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(quiet, "UNUSED_SECONDS", 0.2)


@contextlib.contextmanager
def working(server: LocalRedis, wait_seconds: int, processing: str = "") -> Iterator[None]:
    """A worker that takes jobs with BRPOP, or with BLMOVE to a processing list, and waits for so long for
    each; 0 is for ever."""
    client = redis.Redis(port=server.port, socket_timeout=None)
    is_over = threading.Event()

    def work() -> None:
        with contextlib.suppress(redis.RedisError, OSError):
            while not is_over.is_set():
                if not processing:
                    client.brpop(["jobs"], wait_seconds)
                elif job := client.blmove("jobs", processing, wait_seconds):
                    client.lrem(processing, 1, str(job))

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        is_over.set()
        with contextlib.closing(server.client) as producer:
            producer.rpush("jobs", "the last")
        worker.join()
        client.close()


async def loaded(server: LocalRedis, listening: Listening, source: DemandSource) -> list[Sample]:
    """What is read while a job comes every half second."""
    listener = listening.to(source)
    await listener.sample()
    with contextlib.closing(server.client) as producer:
        for _ in range(int(SECONDS / 0.5)):
            producer.rpush("jobs", "work")
            await asyncio.sleep(0.5)
    return [heard for _, heard in listener.heard if isinstance(heard, Sample)]


@pytest.mark.parametrize("wait_seconds", [0, 1])
async def test_under_load_the_list_looks_empty_and_the_workers_do_not_look_quiet(
    server: LocalRedis, listening: Listening, wait_seconds: int
) -> None:
    with working(server, wait_seconds):
        samples = await loaded(server, listening, list_source(server))
    assert {sample.queued for sample in samples} == {0}
    assert max(sample.quiet_seconds or 0.0 for sample in samples) <= 1.0


@pytest.mark.parametrize("processing", ["", "taken"])
async def test_workers_that_wait_for_ever_show_how_long_nothing_has_come(
    server: LocalRedis, listening: Listening, processing: str
) -> None:
    """A processing list shows jobs only while they last, and a short one is done between two polls."""
    with working(server, 0, processing):
        listener = listening.to(list_source(server, processing_list=processing or None))
        await listener.sample(lambda sample: (sample.quiet_seconds or 0.0) >= 3.0)
        with contextlib.closing(server.client) as producer:
            producer.rpush("jobs", "work")
        await listener.sample(lambda sample: (sample.quiet_seconds or 0.0) < 1.0)


@pytest.mark.parametrize("pushes_elsewhere", [False, True])
async def test_workers_that_wait_for_a_second_at_a_time_show_nothing_but_producers_do(
    server: LocalRedis, listening: Listening, pushes_elsewhere: bool
) -> None:
    """A push into another list of the server may as well be a job that was taken at once."""
    with working(server, 1), contextlib.closing(server.client) as client:
        listener = listening.to(list_source(server))
        for _ in range(int(SECONDS / 0.5)):
            if pushes_elsewhere:
                client.rpush("another", "work")
            await asyncio.sleep(0.5)
    samples = [heard for _, heard in listener.heard if isinstance(heard, Sample)]
    assert (max(sample.quiet_seconds or 0.0 for sample in samples) >= 3.0) is not pushes_elsewhere


@pytest.mark.parametrize("right", ["+client|list", ""])
async def test_a_user_who_may_not_list_clients_reads_the_list_as_before(
    start_redis: Callable[..., LocalRedis], listening: Listening, right: str
) -> None:
    """The server is asked once, and then not for an hour."""
    rights = ["~*", "+info", "+llen", "+type", *([right] if right else [])]
    server = start_redis("--user", "poolkeeper", "on", ">secret", *rights)
    listening.secrets.contents[POOL.namespace, "login"] = {"password": b"secret"}
    auth = RedisAuth(username="poolkeeper", password_secret=SecretKey(name="login", key="password"))
    with working(server, 0):
        listener = listening.to(list_source(server, auth=auth))
        if right:
            await listener.sample(lambda sample: (sample.quiet_seconds or 0.0) >= 1.0)
        else:
            await asyncio.sleep(2.0)
            assert (await listener.sample()).queued == 0
            assert refusals(server) == 1


async def test_a_stream_that_shows_all_work_asks_for_no_clients(
    server: LocalRedis, listening: Listening
) -> None:
    with contextlib.closing(server.client) as client:
        client.xgroup_create("jobs", "workers", id="0", mkstream=True)
    listener = listening.to(stream_source(server))
    for _ in range(5):
        await listener.sample()
    with contextlib.closing(server.client) as client:
        assert "cmdstat_client|list" not in client.info("commandstats")


def refusals(server: LocalRedis) -> int:
    """How many commands the server has refused for want of a right."""
    with contextlib.closing(server.client) as client:
        return sum(int(str(dict(entry)["count"])) for entry in client.acl_log())
