"""A trace: when requests came, how long each one took, and which pool each was for."""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LONGEST_SECONDS = 1e10
"""Instants and durations above this (three centuries) are taken to be errors."""


class TraceError(Exception):
    """A trace can't be read; the text names the file, the line where there is one, and what to do."""

    def __init__(self, path: Path | str, message: str, line: int | None = None) -> None:
        super().__init__(f"{path}:{line}: {message}" if line else f"{path}: {message}")


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
    left_out: str = ""
    """Which part of the file is not replayed, and why; empty where all is."""

    @property
    def requests(self) -> int:
        return sum(len(pool) for pool in self.pools)

    @property
    def ends_at(self) -> float:
        """The latest arrival over all pools; until then each pool exists, with or without requests."""
        return max(pool.arrivals[-1] for pool in self.pools)


class TraceBuilder:
    """Collects the requests of a file line by line; refuses what can't be replayed."""

    def __init__(self, path: Path | str) -> None:
        self._path = path
        self._pools: dict[str, PoolTrace] = {}

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
                self._path,
                f"arrival {arrival:g} s comes before the previous one, {requests.arrivals[-1]:g} s{where}; "
                "sort the file by arrival",
                line,
            )
        requests.arrivals.append(arrival)
        requests.services.append(service)

    def _check(self, seconds: float, what: str, line: int | None) -> None:
        if not math.isfinite(seconds):
            raise TraceError(self._path, f"{what} must be a finite number of seconds", line)
        if seconds < 0:
            raise TraceError(self._path, f"{what} {seconds:g} s is negative", line)
        if seconds > LONGEST_SECONDS:
            raise TraceError(
                self._path, f"{what} {seconds:g} s is beyond anything that can be replayed", line
            )

    def build(self, name: str) -> Trace:
        """The trace, which begins with its first request, so that timestamps since 1970 work too.

        Raises TraceError where there was no request.
        """
        if not self._pools:
            raise TraceError(self._path, "holds no requests")
        began = min(pool.arrivals[0] for pool in self._pools.values())
        pools = [
            PoolTrace(pool.name, array("d", [arrival - began for arrival in pool.arrivals]), pool.services)
            for pool in self._pools.values()
        ]
        return Trace(name, tuple(pools))


def busy_pools(path: Path | str, name: str, pools: Sequence[PoolTrace], if_none: str) -> Trace:
    """The pools that have requests; raises TraceError where there are none."""
    busy = tuple(pool for pool in pools if len(pool))
    if not busy:
        raise TraceError(path, if_none)
    return Trace(name, busy)


def sorted_pool(name: str, requests: list[tuple[float, float]]) -> PoolTrace:
    """A pool from (arrival, service) pairs in any order."""
    requests.sort()
    return PoolTrace(
        name,
        array("d", [arrival for arrival, _ in requests]),
        array("d", [service for _, service in requests]),
    )
