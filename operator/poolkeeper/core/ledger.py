"""Turns the raw depths that a source reports into dated demand: who waits since when, what is orphaned."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """What one poll of a source returned.

    `in_flight` is None where the source cannot see work that was taken. `in_flight_marker` changes whenever
    the set of in-flight requests does (for example a digest of the oldest and newest entry).
    `oldest_arrived_at` is the arrival of the request that has waited longest, where the queue knows it.
    `server_id` changes when the server restarts (for example Redis' run id).
    """

    source: str
    observed_at: float
    queued: int
    in_flight: int | None = None
    in_flight_marker: str = ""
    oldest_arrived_at: float | None = None
    server_id: str = ""
