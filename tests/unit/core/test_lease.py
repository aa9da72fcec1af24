"""The lease's state machine, with every clock and every answer of the API server in the test's hands."""

from dataclasses import dataclass
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from poolkeeper.core import lease
from poolkeeper.core.lease import LeaseRecord, LeaseState, ReadLease, WriteLease

MINE = LeaseRecord(holder="me", duration_seconds=10, renewal="1")
THEIRS = LeaseRecord(holder="other", duration_seconds=10, transitions=3, renewal="1")
FREE = LeaseRecord(holder="", duration_seconds=1, transitions=3)


def holder(renewed_at: float = 100.0) -> LeaseState:
    unknown = lease.was_read(LeaseState("me"), None, None, renewed_at)
    return lease.was_written(unknown, MINE, "7", requested_at=renewed_at, now=renewed_at + 0.1)


def rival(seen_at: float = 100.0) -> LeaseState:
    return lease.was_read(LeaseState("me"), THEIRS, "7", seen_at)


def test_a_machine_that_knows_nothing_reads_first() -> None:
    assert lease.next_request(LeaseState("me"), now=1e9) == ReadLease()


def test_a_missing_lease_is_created() -> None:
    state = lease.was_read(LeaseState("me"), None, None, 5.0)
    assert lease.next_request(state, 5.0) == WriteLease(LeaseRecord("me", 10), None)


def test_a_released_lease_is_taken_at_once() -> None:
    state = lease.was_read(LeaseState("me"), FREE, "8", 5.0)
    assert lease.next_request(state, 5.0) == WriteLease(LeaseRecord("me", 10, transitions=4), "8")


def test_a_held_lease_is_only_watched() -> None:
    assert lease.next_request(rival(), 109.9) == ReadLease()


def test_a_lease_is_taken_when_it_has_not_changed_for_its_duration() -> None:
    assert lease.next_request(rival(), 110.1) == WriteLease(LeaseRecord("me", 10, transitions=4), "7")


def test_a_longer_duration_of_the_holder_is_respected() -> None:
    state = lease.was_read(LeaseState("me"), THEIRS._replace(duration_seconds=60), "7", 100.0)
    assert lease.next_request(state, 159.0) == ReadLease()


def test_a_renewal_seen_restarts_the_wait() -> None:
    state = lease.was_read(rival(), THEIRS._replace(renewal="2"), "8", 108.0)
    assert lease.next_request(state, 117.0) == ReadLease()


def test_a_touch_that_is_no_renewal_does_not_restart_the_wait() -> None:
    state = lease.was_read(rival(), THEIRS, "8", 108.0)
    assert isinstance(lease.next_request(state, 110.1), WriteLease)


def test_writes_are_allowed_until_the_deadline_less_the_request_timeout() -> None:
    assert lease.may_write(holder(), 103.9)
    assert not lease.may_write(holder(), 104.0)
    assert lease.remaining_seconds(holder(), 103.0) == 3.0


def test_a_failed_renewal_extends_nothing_and_is_followed_by_a_read() -> None:
    state = lease.has_failed(holder())
    assert lease.next_request(state, 102.0) == ReadLease()
    assert not lease.may_write(state, 104.0)


def test_finding_oneself_in_the_lease_is_no_renewal() -> None:
    restarted = lease.was_read(LeaseState("me"), MINE, "7", 100.0)
    assert not lease.may_write(restarted, 100.0)


def test_finding_somebody_else_in_the_lease_ends_leading_at_once() -> None:
    assert not lease.may_write(lease.was_read(holder(), THEIRS, "9", 100.5), 100.5)


def test_resigning_frees_the_lease_and_asks_for_nothing_more() -> None:
    state = lease.resign(holder())
    assert lease.release(state) == WriteLease(LeaseRecord("", 1, renewal="1"), "7")
    assert not lease.may_write(state, 100.2)
    assert lease.next_request(state, 200.0) is None


def test_a_renewal_that_succeeds_after_resigning_does_not_revive_the_holder() -> None:
    state = lease.was_written(lease.resign(holder()), MINE, "8", requested_at=100.1, now=100.2)
    assert not lease.may_write(state, 100.2)


def test_resigning_without_the_lease_writes_nothing() -> None:
    assert lease.release(lease.resign(rival())) is None
    assert lease.release(holder()) is None


def test_a_standby_reads_no_oftener_than_a_leader_renews() -> None:
    assert lease.next_delay_seconds(rival(), 100.0) == 2.0
    assert lease.next_delay_seconds(lease.has_failed(rival()), 100.0) == 2.0
    assert lease.next_delay_seconds(holder(), 100.1) == 2.0


def test_a_standby_claims_as_soon_as_the_lease_has_run_out() -> None:
    """So that it leads 12 s after a kill: 2 s until it has read the last renewal, then 10 s."""
    woken_at = 109.5 + lease.next_delay_seconds(rival(), 109.5)
    assert woken_at < 110.1
    assert isinstance(lease.next_request(rival(), woken_at), WriteLease)
    assert lease.next_delay_seconds(lease.was_read(rival(), FREE, "8", 105.0), 105.0) == 0.0


def test_a_leader_tries_again_soon_after_a_failure() -> None:
    assert lease.next_delay_seconds(lease.has_failed(holder()), 102.0) == 0.5
    assert lease.next_delay_seconds(lease.has_failed(rival()), 110.1) == 0.5


class Pending(NamedTuple):
    request: ReadLease | WriteLease
    requested_at: float


@dataclass
class Server:
    """The Lease as the API server keeps it: a record and a version that each write increases."""

    record: LeaseRecord | None = None
    version: int = 0

    def read(self) -> tuple[LeaseRecord | None, str | None]:
        return self.record, str(self.version) if self.record else None

    def write(self, request: WriteLease) -> tuple[LeaseRecord, str] | None:
        if request.version != self.read()[1]:
            return None
        self.version += 1
        self.record = request.record._replace(renewal=str(self.version))
        return self.record, str(self.version)


@dataclass
class Machine:
    """One replica: its clock runs at `rate`, and its process may stand still between any two steps."""

    state: LeaseState
    rate: float
    pending: Pending | None = None
    answer: tuple[LeaseRecord | None, str | None] | None = None
    is_delivered: bool = False
    now: float = 0.0

    def ask(self) -> None:
        request = lease.next_request(self.state, self.now)
        self.pending = Pending(request, self.now) if request else None
        self.is_delivered = False

    def deliver(self, server: Server) -> None:
        if self.pending and not self.is_delivered:
            request = self.pending.request
            self.answer = server.read() if isinstance(request, ReadLease) else server.write(request)
            self.is_delivered = True

    def conclude(self, *, answer_arrives: bool) -> None:
        if not self.pending:
            return
        if not (answer_arrives and self.is_delivered and self.answer):
            self.state = lease.has_failed(self.state)
        elif isinstance(self.pending.request, ReadLease):
            self.state = lease.was_read(self.state, *self.answer, self.now)
        else:
            record, version = self.answer
            assert record is not None
            assert version is not None
            self.state = lease.was_written(self.state, record, version, self.pending.requested_at, self.now)
        self.pending = None

    def restart(self, server: Server) -> None:
        """The process resigns and ends, and another one begins in its place."""
        if release := lease.release(lease.resign(self.state)):
            server.write(release)
        self.state = LeaseState(f"{self.state.identity}+")
        self.pending = None


STEPS = st.tuples(
    st.integers(0, 1),
    st.sampled_from(["turn", "turn", "turn", "turn", "ask", "deliver", "conclude", "lose", "restart"]),
    st.sampled_from([0.0, 0.0, 0.5, 2.0, 3.0, 5.0, 7.0, 13.0]),
)


@settings(max_examples=300, deadline=None)
@given(
    rates=st.tuples(st.floats(0.8, 1.25), st.floats(0.8, 1.25)),
    steps=st.lists(STEPS, min_size=30, max_size=60),
)
def test_two_machines_never_may_write_together(
    rates: tuple[float, float], steps: list[tuple[int, str, float]]
) -> None:
    """Whatever is delayed, lost, frozen or restarted, and however the clocks differ within 25 %."""
    server = Server()
    machines = [Machine(LeaseState(f"m{i}"), rate, now=1e6 * i) for i, rate in enumerate(rates)]
    for index, step, passed_seconds in steps:
        for machine in machines:
            machine.now += passed_seconds * machine.rate
        _perform(machines[index], step, server)
        assert sum(lease.remaining_seconds(each.state, each.now) > 0 for each in machines) <= 1


def _perform(machine: Machine, step: str, server: Server) -> None:
    if step == "restart":
        machine.restart(server)
    if step in ("ask", "turn") and machine.pending is None:
        machine.ask()
    if step in ("deliver", "turn"):
        machine.deliver(server)
    if step in ("conclude", "turn", "lose"):
        machine.conclude(answer_arrives=step != "lose")


@settings(max_examples=100, deadline=None)
@given(rate=st.floats(0.8, 1.25), failures=st.integers(0, 5))
def test_a_lone_machine_leads_soon_after_the_server_answers(rate: float, failures: int) -> None:
    server = Server(record=THEIRS, version=4)
    machine = Machine(LeaseState("m"), rate)
    for attempt in range(60):
        machine.ask()
        machine.deliver(server)
        machine.conclude(answer_arrives=attempt >= failures)
        machine.now += lease.next_delay_seconds(machine.state, machine.now) * machine.rate
        if lease.may_write(machine.state, machine.now):
            return
    raise AssertionError("never led")
