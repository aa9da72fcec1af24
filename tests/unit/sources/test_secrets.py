"""Following Secrets: delivered when they change or fail, read again in time and on demand."""

import asyncio
from collections.abc import Mapping

import pytest

from poolkeeper.sources.base import SecretUnavailable
from poolkeeper.sources.secrets import SecretContent, SecretFollower, SecretName

LOGIN = SecretName("serving", "login")
OTHER = SecretName("other", "login")
MISSING = SecretUnavailable("SecretNotFound", "Secret login does not exist.")
UNREACHABLE = SecretUnavailable("ApiUnreachable", "The API server does not answer.")


class ApiServer:
    """Answers reads from a script, the last answer again and again; counts them."""

    def __init__(self, *answers: Mapping[str, bytes] | Exception) -> None:
        self.reads: list[SecretName] = []
        self._answers = list(answers)

    async def read(self, namespace: str, name: str) -> Mapping[str, bytes]:
        self.reads.append(SecretName(namespace, name))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Waiting:
    """Stands in for time: every pause of the follower lasts one turn of the event loop."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    async def __call__(self, hurry: asyncio.Event, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)


async def deliveries(api_server: ApiServer, turns: int = 40) -> tuple[list[SecretContent], list[float]]:
    """What is delivered, and for how long the follower pauses between reads."""
    delivered: list[SecretContent] = []
    waiting = Waiting()
    follower = SecretFollower(api_server.read, lambda _, content: delivered.append(content), wait=waiting)
    follower.follow(LOGIN)
    for _ in range(turns):
        await asyncio.sleep(0)
    follower.forget(LOGIN)
    return delivered, waiting.pauses


async def test_only_what_changed_is_delivered() -> None:
    old, new = {"password": b"old"}, {"password": b"new"}
    delivered, pauses = await deliveries(ApiServer(old, old, old, new))
    assert delivered == [old, new]
    assert set(pauses) == {30.0}


async def test_every_failure_is_delivered_and_tried_again_sooner() -> None:
    content = {"password": b"x"}
    delivered, pauses = await deliveries(ApiServer(MISSING, MISSING, content))
    assert delivered == [MISSING, MISSING, content]
    assert pauses[:3] == [5.0, 5.0, 30.0]


async def test_a_deleted_secret_is_noticed_and_so_is_its_return() -> None:
    content = {"password": b"x"}
    delivered, _ = await deliveries(ApiServer(content, MISSING, content))
    assert delivered == [content, MISSING, content]


@pytest.mark.parametrize("fault", [UNREACHABLE, OSError("gone"), TimeoutError(), RuntimeError("bug")])
async def test_what_is_known_stays_in_use_while_the_api_server_can_not_be_asked(fault: Exception) -> None:
    content = {"password": b"x"}
    delivered, _ = await deliveries(ApiServer(content, fault))
    assert delivered == [content]


async def test_a_first_read_that_fails_oddly_is_an_outage_without_details() -> None:
    delivered, _ = await deliveries(ApiServer(OSError("token=very-secret")), turns=6)
    (first, *_) = delivered
    assert isinstance(first, SecretUnavailable)
    assert (first.reason, "very-secret" in first.message) == ("SecretUnreadable", False)


async def test_a_refresh_reads_at_once() -> None:
    api_server = ApiServer({"password": b"old"}, {"password": b"new"})
    heard: asyncio.Queue[SecretContent] = asyncio.Queue()
    follower = SecretFollower(api_server.read, lambda _, content: heard.put_nowait(content))
    follower.follow(LOGIN)
    assert await heard.get() == {"password": b"old"}
    follower.refresh(LOGIN)
    assert await asyncio.wait_for(heard.get(), 20) == {"password": b"new"}
    follower.forget(LOGIN)


async def test_one_hanging_read_delays_no_other_secret() -> None:
    heard: asyncio.Queue[SecretName] = asyncio.Queue()

    async def read(namespace: str, name: str) -> Mapping[str, bytes]:
        if namespace == LOGIN.namespace:
            await asyncio.Event().wait()
        return {}

    follower = SecretFollower(read, lambda secret, _: heard.put_nowait(secret))
    follower.follow(LOGIN)
    follower.follow(OTHER)
    assert await asyncio.wait_for(heard.get(), 20) == OTHER
    follower.forget(LOGIN)
    follower.forget(OTHER)
