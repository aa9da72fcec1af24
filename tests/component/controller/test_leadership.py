"""The lease's driver against a store that hangs, lies and disagrees."""

import asyncio
import itertools

import pytest

from poolkeeper.controller.loop.leadership import Leadership, NotLeading
from poolkeeper.core.lease import LeaseRecord, LeaseTiming
from poolkeeper.kube.objects.leases import LeaseClient, StoredLease

pytestmark = pytest.mark.virtual_time

QUICK = LeaseTiming(
    renew_deadline_seconds=0.6, retry_seconds=0.02, standby_poll_seconds=0.02, request_timeout_seconds=0.2
)


class Leases(LeaseClient):
    """One Lease with a version, that can be made to hang."""

    def __init__(self) -> None:
        self.record: LeaseRecord | None = None
        self.hangs = False
        self._versions = itertools.count(1)
        self._version = "0"

    async def read(self, *, timeout_seconds: float) -> StoredLease | None:
        await self._hang()
        return StoredLease(self.record, self._version) if self.record else None

    async def write(self, record: LeaseRecord, version: str | None, *, timeout_seconds: float) -> StoredLease:
        await self._hang()
        if (version or "0") != self._version:
            raise RuntimeError("conflict")
        self._version = str(next(self._versions))
        self.record = record._replace(renewal=self._version)
        return StoredLease(self.record, self._version)

    async def _hang(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()


def monotonic() -> float:
    return asyncio.get_running_loop().time()


async def leads(leadership: Leadership) -> None:
    """Returns once it does."""
    for _ in range(500):
        if leadership.may_write():
            return
        await asyncio.sleep(0.01)
    pytest.fail("does not lead after 5 s")


async def led(leadership: Leadership) -> asyncio.Task[None]:
    """Its task, once it leads."""
    task = asyncio.create_task(leadership.run())
    await leads(leadership)
    return task


async def test_a_resigned_leader_is_followed_at_once() -> None:
    leases = Leases()
    first, second = (Leadership(leases, name, monotonic, timing=QUICK) for name in ("first", "second"))
    task = await led(first)
    waiting = asyncio.create_task(led(second))
    await asyncio.sleep(0.1)
    assert not second.may_write()
    await first.resign()
    assert not first.may_write()
    await task
    (await waiting).cancel()
    assert second.may_write()


async def test_a_leader_that_can_not_renew_stops_writing_by_itself() -> None:
    leases = Leases()
    leadership = Leadership(leases, "only", monotonic, timing=QUICK)
    task = await led(leadership)
    leases.hangs = True
    await asyncio.sleep(QUICK.renew_deadline_seconds)
    assert not leadership.may_write()
    with pytest.raises(NotLeading):
        async with leadership.writing():
            pytest.fail("a write has begun")
    leases.hangs = False
    await leads(leadership)
    task.cancel()


async def test_a_write_that_takes_too_long_is_cut_off_while_the_lease_holds() -> None:
    leadership = Leadership(Leases(), "only", monotonic, timing=QUICK)
    task = await led(leadership)
    with pytest.raises(TimeoutError):
        async with leadership.writing():
            await asyncio.sleep(5)
    task.cancel()


async def test_the_lease_is_not_given_back_while_a_write_is_under_way() -> None:
    leases = Leases()
    timing = LeaseTiming(request_timeout_seconds=2.0)
    leadership = Leadership(leases, "only", monotonic, timing=timing)
    task = await led(leadership)

    async def write() -> None:
        async with leadership.writing():
            await asyncio.sleep(1.0)

    writing = asyncio.create_task(write())
    await asyncio.sleep(0.05)
    await leadership.resign()
    assert leases.record is not None
    assert leases.record.holder == "only"
    await writing
    task.cancel()


async def test_leading_and_losing_are_told_once_each() -> None:
    changes: list[bool] = []
    leadership = Leadership(Leases(), "only", monotonic, timing=QUICK, on_change=changes.append)
    task = await led(leadership)
    await asyncio.sleep(0.1)
    await leadership.resign()
    task.cancel()
    assert changes == [True, False]


async def test_pools_are_looked_at_again_once_after_a_starved_process_was_not_sure_of_its_lease() -> None:
    """A look in that time has written nothing, and nothing else may ever cause another."""
    changes: list[bool] = []
    resumed_at: list[float] = []
    starved_seconds = 0.0
    leadership = Leadership(
        Leases(),
        "only",
        lambda: monotonic() + starved_seconds,
        timing=QUICK,
        on_change=changes.append,
        on_resume=lambda: resumed_at.append(monotonic()),
    )
    task = await led(leadership)
    starved_seconds = QUICK.renew_deadline_seconds
    assert not leadership.may_write()
    await leads(leadership)
    await asyncio.sleep(1.0)
    task.cancel()
    assert changes == [True]
    assert len(resumed_at) == 1
