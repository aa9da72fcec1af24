"""A trace: when requests came, how long each one took, and which pool each was for."""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

MOST_REQUESTS = 20_000_000
"""Of one trace: 20 million are 0.3 GiB, and a few times as much while they are replayed."""
LONGEST_SECONDS = 1e10
"""Instants and durations above this (three centuries) are taken to be errors."""


class TraceError(Exception):
    """A trace can't be read; the text names the file, the line where there is one, and what to do."""

    def __init__(self, file: object, message: str, line: int | None = None) -> None:
        """`str(file)` is the name of the file in the text."""
        super().__init__(f"{file}:{line}: {message}" if line else f"{file}: {message}")


def check_size(file: object, requests: float, line: int | None = None, hint: str = "") -> None:
    """Raises TraceError for a trace of more requests than memory holds; the text ends with the hint."""
    if requests > MOST_REQUESTS:
        raise TraceError(
            file,
            f"holds more than {MOST_REQUESTS:,} requests, too many to replay at once; "
            f"cut it to a shorter time, or replay some of its pools at a time{hint}",
            line,
        )


@dataclass(frozen=True, slots=True)
class PoolTrace:
    """The requests of one pool: sorted arrivals in seconds since the trace began, and service times in
    seconds.
    """

    name: str
    arrivals: "array[float]"
    services: "array[float]"

    def __len__(self) -> int:
        return len(self.arrivals)


@dataclass(frozen=True, slots=True)
class Trace:
    """The requests of one file or generator. Each pool is scaled on its own, and the results are summed."""

    name: str
    pools: tuple[PoolTrace, ...]
    notes: tuple[str, ...] = ()
    """What was assumed about the file, and which part of it is not replayed and why: a sentence each."""

    @property
    def requests(self) -> int:
        return sum(len(pool) for pool in self.pools)

    @property
    def ends_at(self) -> float:
        """The latest arrival over all pools; until then each pool exists, with or without requests."""
        return max(pool.arrivals[-1] for pool in self.pools)


class TraceBuilder:
    """Collects the requests of a file line by line; refuses what can't be replayed."""

    def __init__(self, file: object) -> None:
        self._file = file
        self._pools: dict[str, PoolTrace] = {}
        self._requests = 0

    def add(self, arrival: float, service: float = 0.0, pool: str = "", *, line: int | None = None) -> None:
        """Adds one request; raises TraceError for an instant that is negative, not finite or out of order."""
        self._check(arrival, "arrival", line)
        self._check(service, "service time", line)
        requests = self._pools.get(pool)
        if requests is None:
            requests = self._pools[pool] = PoolTrace(pool, array("d"), array("d"))
        elif arrival < requests.arrivals[-1]:
            where = f" in pool {pool}" if pool else ""
            raise TraceError(
                self._file,
                f"arrival {arrival:.15g} s comes before the previous one, "
                f"{requests.arrivals[-1]:.15g} s{where}; sort the file by arrival",
                line,
            )
        requests.arrivals.append(arrival)
        requests.services.append(service)
        self._requests += 1
        check_size(self._file, self._requests, line)

    def _check(self, seconds: float, what: str, line: int | None) -> None:
        if not math.isfinite(seconds):
            raise TraceError(self._file, f"{what} must be a finite number of seconds", line)
        if seconds < 0:
            raise TraceError(self._file, f"{what} {seconds:g} s is negative", line)
        if seconds > LONGEST_SECONDS:
            raise TraceError(
                self._file, f"{what} {seconds:g} s is beyond anything that can be replayed", line
            )

    def build(self, name: str, notes: tuple[str, ...] = ()) -> Trace:
        """The trace, which begins with its first request, so that timestamps since 1970 work too.

        Raises TraceError where there was no request.
        """
        if not self._pools:
            raise TraceError(self._file, "holds no requests")
        began = min(pool.arrivals[0] for pool in self._pools.values())
        pools = [
            PoolTrace(pool.name, array("d", [arrival - began for arrival in pool.arrivals]), pool.services)
            for pool in self._pools.values()
        ]
        return Trace(name, tuple(pools), notes)


def busy_pools(
    file: object, name: str, pools: Sequence[PoolTrace], if_none: str, notes: tuple[str, ...] = ()
) -> Trace:
    """The pools that have requests; raises TraceError where there are none."""
    busy = tuple(pool for pool in pools if len(pool))
    if not busy:
        raise TraceError(file, if_none)
    return Trace(name, busy, notes)


def sorted_pool(name: str, requests: list[tuple[float, float]]) -> PoolTrace:
    """A pool from (arrival, service) pairs in any order."""
    requests.sort()
    return PoolTrace(
        name,
        array("d", [arrival for arrival, _ in requests]),
        array("d", [service for _, service in requests]),
    )
