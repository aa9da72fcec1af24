"""Which replicas hold accelerators now, and which nodes are still paid for after their replicas have gone."""

import math
from collections.abc import Iterable
from typing import NamedTuple

from poolkeeper.core.billing.amounts import Amounts, Unit

MOST_TAILS = 16
"""Tails that end at different instants; beyond these, the first ones end together, at the later instant."""


class Occupant(NamedTuple):
    """One replica that holds accelerators: it has a node and has not ended."""

    name: str
    """The uid of its pod."""
    unit: Unit
    begun_at: float
    """Since when it holds them, in Unix seconds."""
    serves_since: float | None = None
    """Since when it takes requests, or has been taking its last ones; None while it starts."""


class Group(NamedTuple):
    """How many replicas of one unit hold accelerators."""

    unit: Unit
    starting: int
    serving: int


class Tail(NamedTuple):
    """Replicas that have gone and whose nodes are paid for until an instant."""

    until: float
    unit: Unit
    replicas: int


class Running(NamedTuple):
    """What is paid for from one look to the next. While it stays, all that will be counted is known."""

    groups: tuple[Group, ...] = ()
    busy: int | None = 0
    """Requests in flight, each of which is taken to occupy another replica: they are spread. None where they
    can't be seen."""
    tails: tuple[Tail, ...] = ()


def grouped(occupants: Iterable[Occupant]) -> tuple[Group, ...]:
    """How many of each unit there are."""
    counts: dict[Unit, list[int]] = {}
    for each in occupants:
        counts.setdefault(each.unit, [0, 0])[each.serves_since is not None] += 1
    return tuple(Group(unit, *count) for unit, count in counts.items())


def over(running: Running, begin: float, end: float) -> list[tuple[Unit, Amounts]]:
    """What is paid for between two instants in which the running replicas stay the same.

    Example: 3 replicas serve and 2 requests are in flight for 10 s: 20 s busy and 10 s idle.
    """
    seconds, busy = end - begin, running.busy
    found = []
    for unit, starting, serving in running.groups:
        if busy is None:
            found.append((unit, Amounts(starting=starting * seconds, unknown=serving * seconds)))
            continue
        working = busy if busy < serving else serving
        busy -= working
        idle = (serving - working) * seconds
        found.append((unit, Amounts(starting * seconds, working * seconds, idle)))
    for until, unit, replicas in running.tails:
        if until > begin:
            found.append((unit, Amounts(tail=replicas * (min(until, end) - begin))))
    return found


def rate(running: Running, now: float) -> float | None:
    """Micro-dollars per hour at this moment; None where the price of something that runs is not known."""
    counts = [(unit, starting + serving) for unit, starting, serving in running.groups]
    counts += [(tail.unit, tail.replicas) for tail in running.tails if tail.until > now]
    total = 0.0
    for unit, replicas in counts:
        if unit.chips is None or unit.micro_dollars_per_hour is None:
            return None
        total += replicas * unit.chips * unit.micro_dollars_per_hour
    return total


def begin_tails(tails: Iterable[Tail], now: float, gone: Iterable[Unit], seconds: float) -> tuple[Tail, ...]:
    """The tails after these replicas have gone now."""
    left = [each for each in tails if each.until > now]
    if seconds > 0.0:
        for unit in gone:
            last = left[-1] if left else None
            if last is not None and last.unit == unit and last.until == now + seconds:
                left[-1] = last._replace(replicas=last.replicas + 1)
            else:
                left.append(Tail(now + seconds, unit, 1))
    while len(left) > MOST_TAILS:
        first, second, *rest = left
        if first.unit == second.unit:
            left = [second._replace(replicas=first.replicas + second.replicas), *rest]
        else:
            left = [second, *rest]
    return tuple(left)


def take_over(tails: tuple[Tail, ...], unit: Unit) -> tuple[tuple[Tail, ...], float | None]:
    """The tails after a new replica has taken a node whose tail was paid for, and until when that would have
    run; None where the replica has found none."""
    for place in range(len(tails) - 1, -1, -1):
        tail = tails[place]
        if tail.unit == unit:
            left = (tail._replace(replicas=tail.replicas - 1),) if tail.replicas > 1 else ()
            return (*tails[:place], *left, *tails[place + 1 :]), tail.until
    return tails, None


def next_end(running: Running, now: float) -> float:
    """When the next tail ends; infinity where none runs."""
    return min([tail.until for tail in running.tails if tail.until > now], default=math.inf)
