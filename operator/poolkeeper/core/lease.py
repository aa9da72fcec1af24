"""Which of several replicas of the operator may write: one Lease, as a pure state machine.

Instants are monotonic seconds of the machine's own clock. No instant that another machine wrote is ever
compared with it: a lease is as old as the time since *this* machine last saw its content change. A holder
counts its time from the moment at which it *sent* the last renewal that succeeded, a rival from a moment that
must be later. With the default timing a holder's last write is over 6 s after that, and a rival waits 10 s:
they never write together while neither clock runs more than 10/6 times as fast as the other.
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple


class LeaseRecord(NamedTuple):
    """What a Lease says about its holder; `renewal` only serves to tell one renewal from the next."""

    holder: str
    duration_seconds: int
    transitions: int = 0
    renewal: str = ""


@dataclass(frozen=True, slots=True)
class LeaseTiming:
    """How long a lease holds, and how often it is looked at; all in seconds.

    After the leader was killed, a standby leads 12 s later at most: it may see the last renewal 2 s late, and
    then waits 10 s. That leaves 3 s of the promised 15 s to slow requests.
    """

    duration_seconds: int = 10
    renew_deadline_seconds: float = 6.0
    retry_seconds: float = 2.0
    """Between two renewals."""
    standby_poll_seconds: float = 2.0
    """Between two reads of a lease that another holds: it says nothing new between two renewals, but for a
    leader that gives it back."""
    after_failure_seconds: float = 0.5
    """Until the next try of a leader, or of a standby whose turn it is."""
    request_timeout_seconds: float = 2.0


EDGE_SECONDS = 0.01
"""A wait that ends this much after the lease has run out finds it run out, whatever the clock's steps."""


@dataclass(frozen=True, slots=True)
class ReadLease:
    """Ask the API server for the Lease."""


@dataclass(frozen=True, slots=True)
class WriteLease:
    """Write the record over `version` of the Lease, or create it where `version` is None."""

    record: LeaseRecord
    version: str | None


@dataclass(frozen=True, slots=True)
class LeaseState:
    """What one machine knows.

    `record` at `version` is what the Lease last said, first seen at `seen_at`; `is_certain` turns False when
    a request ended without telling whether it took effect. `renewed_at` is when the last renewal that
    succeeded was sent, None while another machine holds the lease, or none does.
    """

    identity: str
    timing: LeaseTiming = field(default_factory=LeaseTiming)
    record: LeaseRecord | None = None
    version: str | None = None
    seen_at: float = 0.0
    is_certain: bool = False
    renewed_at: float | None = None
    is_resigned: bool = False


def next_request(state: LeaseState, now: float) -> ReadLease | WriteLease | None:
    """What to ask the API server now; None once this machine has resigned."""
    if state.is_resigned:
        return None
    if not state.is_certain or not _is_ours_to_take(state, now):
        return ReadLease()
    return WriteLease(_claim(state), state.version)


def next_delay_seconds(state: LeaseState, now: float) -> float:
    """How long to wait before the next request."""
    timing = state.timing
    if not state.is_certain:
        is_urgent = state.renewed_at is not None or (
            state.record is not None and _is_ours_to_take(state, now)
        )
        return timing.after_failure_seconds if is_urgent else timing.standby_poll_seconds
    if state.renewed_at is not None:
        return timing.retry_seconds
    if _is_ours_to_take(state, now):
        return 0.0
    return min(timing.standby_poll_seconds, _runs_out_at(state) - now + EDGE_SECONDS)


def was_read(state: LeaseState, record: LeaseRecord | None, version: str | None, now: float) -> LeaseState:
    """The Lease was read (None: there is none) and the answer arrived at `now`."""
    is_ours = record is not None and record.holder == state.identity
    return replace(
        state,
        record=record,
        version=version,
        seen_at=state.seen_at if record == state.record else now,
        is_certain=True,
        renewed_at=state.renewed_at if is_ours else None,
    )


def was_written(
    state: LeaseState, record: LeaseRecord, version: str, requested_at: float, now: float
) -> LeaseState:
    """A claim succeeded that had been sent at `requested_at`; `record` is what the Lease says since."""
    return replace(
        state,
        record=record,
        version=version,
        seen_at=now,
        is_certain=True,
        renewed_at=None if state.is_resigned else requested_at,
    )


def has_failed(state: LeaseState) -> LeaseState:
    """A request failed, was refused or timed out: it may or may not have taken effect."""
    return replace(state, is_certain=False)


def resign(state: LeaseState) -> LeaseState:
    """Stop writing and claiming, for good."""
    return replace(state, renewed_at=None, is_resigned=True)


def release(state: LeaseState) -> WriteLease | None:
    """The write that frees the lease for the next leader, once resigned; None if this machine doesn't hold
    it."""
    if not state.is_resigned or state.record is None or state.record.holder != state.identity:
        return None
    return WriteLease(state.record._replace(holder="", duration_seconds=1), state.version)


def remaining_seconds(state: LeaseState, now: float) -> float:
    """Until when, from now, every write must be over; 0 where none may begin."""
    if state.renewed_at is None:
        return 0.0
    return max(0.0, state.renewed_at + state.timing.renew_deadline_seconds - now)


def may_write(state: LeaseState, now: float) -> bool:
    """Whether a write may begin now that takes no longer than the request timeout."""
    return remaining_seconds(state, now) > state.timing.request_timeout_seconds


def _is_ours_to_take(state: LeaseState, now: float) -> bool:
    return now > _runs_out_at(state)


def _runs_out_at(state: LeaseState) -> float:
    record = state.record
    if record is None or record.holder in ("", state.identity):
        return float("-inf")
    return state.seen_at + max(state.timing.duration_seconds, record.duration_seconds)


def _claim(state: LeaseState) -> LeaseRecord:
    before = state.record
    transitions = before.transitions if before else 0
    is_handed_over = before is not None and before.holder != state.identity
    return LeaseRecord(
        holder=state.identity,
        duration_seconds=state.timing.duration_seconds,
        transitions=transitions + is_handed_over,
    )
