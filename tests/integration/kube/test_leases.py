"""The Lease on a real API server: of two that write the same version, one wins."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from hack.testing.clocks import ManualClock
from hack.testing.control_plane import ControlPlane
from hack.testing.objects import patch
from poolkeeper.core.lease import LeaseRecord
from poolkeeper.kube.objects.leases import LeaseClient, StoredLease
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError
from poolkeeper.kube.transport.paths import namespaced_path

TIMEOUT_SECONDS = 5.0
UNIX_SECONDS = 1_767_225_600.0


@pytest_asyncio.fixture
async def leases(api_server: ControlPlane, namespace: str) -> AsyncIterator[list[LeaseClient]]:
    """The same Lease as two replicas of the operator see it."""
    async with await api_server.admin_client() as one, await api_server.admin_client() as other:
        yield [
            LeaseClient(client, namespace, "poolkeeper", ManualClock(UNIX_SECONDS, step_seconds=1.0))
            for client in (one, other)
        ]


async def raw(client: KubeClient, namespace: str) -> dict[str, str]:
    path = namespaced_path("coordination.k8s.io/v1", namespace, "leases", "poolkeeper")
    return dict((await client.request("GET", path))["spec"])


async def write(lease: LeaseClient, holder: str, before: StoredLease | None) -> StoredLease | ApiError:
    record = LeaseRecord(holder, 10, transitions=before.record.transitions + 1 if before else 0)
    try:
        return await lease.write(record, before.version if before else None, timeout_seconds=TIMEOUT_SECONDS)
    except ApiError as failure:
        return failure


async def test_there_is_none_at_first(leases: list[LeaseClient]) -> None:
    assert await leases[0].read(timeout_seconds=TIMEOUT_SECONDS) is None


@pytest.mark.parametrize("exists", [False, True])
async def test_one_of_two_wins(leases: list[LeaseClient], exists: bool) -> None:
    before = await write(leases[0], "nobody", None) if exists else None
    assert not isinstance(before, ApiError)
    outcomes = await asyncio.gather(*(write(lease, str(at), before) for at, lease in enumerate(leases)))
    won = [outcome for outcome in outcomes if isinstance(outcome, StoredLease)]
    lost = [outcome.status for outcome in outcomes if isinstance(outcome, ApiError)]
    assert (len(won), lost) == (1, [409])
    assert [await lease.read(timeout_seconds=TIMEOUT_SECONDS) for lease in leases] == won * 2


async def test_a_renewal_changes_the_record_and_keeps_when_it_was_acquired(
    leases: list[LeaseClient], kube_client: KubeClient, namespace: str
) -> None:
    record = LeaseRecord("me", 10)
    first = await leases[0].write(record, None, timeout_seconds=TIMEOUT_SECONDS)
    acquired = await raw(kube_client, namespace)
    second = await leases[0].write(record, first.version, timeout_seconds=TIMEOUT_SECONDS)
    renewed = await raw(kube_client, namespace)
    assert second.record != first.record
    assert renewed["acquireTime"] == acquired["acquireTime"] == acquired["renewTime"]
    assert renewed["renewTime"] > acquired["renewTime"]


async def test_a_lease_can_be_released_and_taken_over(leases: list[LeaseClient]) -> None:
    held = await leases[0].write(LeaseRecord("me", 10), None, timeout_seconds=TIMEOUT_SECONDS)
    await leases[0].write(LeaseRecord("", 1), held.version, timeout_seconds=TIMEOUT_SECONDS)
    released = await leases[1].read(timeout_seconds=TIMEOUT_SECONDS)
    assert released is not None
    assert released.record.holder == ""
    taken = await leases[1].write(
        LeaseRecord("you", 10, 1), released.version, timeout_seconds=TIMEOUT_SECONDS
    )
    assert (taken.record.holder, taken.record.transitions) == ("you", 1)


async def test_what_others_wrote_on_the_lease_stays(
    leases: list[LeaseClient], kube_client: KubeClient, namespace: str
) -> None:
    await leases[0].write(LeaseRecord("me", 10), None, timeout_seconds=TIMEOUT_SECONDS)
    path = namespaced_path("coordination.k8s.io/v1", namespace, "leases", "poolkeeper")
    await patch(kube_client, path, {"metadata": {"labels": {"team": "serving"}}})
    found = await leases[0].read(timeout_seconds=TIMEOUT_SECONDS)
    assert found is not None
    await leases[0].write(LeaseRecord("me", 10), found.version, timeout_seconds=TIMEOUT_SECONDS)
    assert (await kube_client.request("GET", path))["metadata"]["labels"] == {"team": "serving"}
