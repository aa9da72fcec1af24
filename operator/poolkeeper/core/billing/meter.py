"""The meter of one pool: integrates what runs from look to look, and corrects it by the pods' own times.

Between two looks the replicas seen last are counted. A look that finds a change which is older than the look
itself corrects what was counted: a replica that got its node, or became ready, while nobody looked. What
can't be known is counted as it was seen last, and is among the estimated: a replica that went while the
operator was down.
"""

from collections import Counter
from typing import NamedTuple

from poolkeeper.core.billing.amounts import Amounts, Unit
from poolkeeper.core.billing.books import Books, Day, begin_day, booked, charge
from poolkeeper.core.billing.occupancy import (
    Occupant,
    Running,
    Tail,
    begin_tails,
    grouped,
    over,
    take_over,
)


class Seen(NamedTuple):
    """What one look shows."""

    occupants: tuple[Occupant, ...]
    busy: int | None
    """Requests in flight; None where they can't be seen."""
    tail_seconds: float
    """How long a node is paid for after its replica has gone."""


class Meter(NamedTuple):
    """The account of one pool."""

    first_at: float
    """Since when the pool is billed."""
    at: float
    """Up to when."""
    day: Day
    running: Running = Running()
    occupants: tuple[Occupant, ...] = ()
    """The replicas of the last look."""
    is_resumed: bool = False
    """Whether `running` is from before a restart: which replicas those were is not known."""
    books: Books = Books()
    turns: int = 0
    """How often something else has begun to run. In between, all that is counted follows from `running`."""


def begin(now: float, day: Day) -> Meter:
    """The meter of a pool that was never seen."""
    return Meter(now, now, day)


def resumed(meter: Meter) -> Meter:
    """A meter that goes on after a restart, or a change of the leader."""
    return meter._replace(occupants=(), is_resumed=True, turns=0)


def advance(meter: Meter, now: float, day: Day, seen: Seen | None) -> Meter:
    """The meter up to now, with what is seen now; None where nothing is seen."""
    since = meter.at
    if seen is None:
        # After a restart, the pods that are seen first say what ran meanwhile.
        return meter if meter.is_resumed else _run(meter, now, day, is_seen=False)
    meter = _run(meter, now, day, is_seen=not meter.is_resumed)
    if meter.is_resumed:
        return _found_again(meter, since, seen)
    if seen.occupants == meter.occupants:
        if seen.busy == meter.running.busy:
            return meter
        return meter._replace(running=meter.running._replace(busy=seen.busy), turns=meter.turns + 1)
    return _changed(meter, seen)


def projected(meter: Meter, now: float, day: Day) -> Meter:
    """The meter up to now, if all has stayed as it was seen last."""
    return _run(meter, now, day, is_seen=True)


def compared(meter: Meter, since: float, until: float, unit: Unit, keda: float, knative: float) -> Meter:
    """The meter with the replica-seconds that other policies would have paid between two instants."""
    if until <= since:
        return meter
    amounts = Amounts(keda=keda, knative=knative)
    return meter._replace(books=charge(meter.books, meter.day, since, until, unit, amounts))


def was_booked(meter: Meter, until: int) -> Meter:
    """The meter once its hours up to this one are kept elsewhere."""
    return meter._replace(books=booked(meter.books, until))


def _run(meter: Meter, now: float, day: Day, *, is_seen: bool) -> Meter:
    """Count what was running until now."""
    if now <= meter.at:
        return meter
    books = meter.books
    if day != meter.day:
        books = begin_day(books)
    for unit, amounts in over(meter.running, meter.at, now):
        paid = amounts if is_seen else amounts._replace(estimated=amounts.paid - amounts.tail)
        books = charge(books, day, meter.at, now, unit, paid)
    return meter._replace(at=now, day=day, books=books)


def _changed(meter: Meter, seen: Seen) -> Meter:
    """Replicas have come, have become ready or have gone since the last look."""
    before = {each.name: each for each in meter.occupants}
    present = {each.name for each in seen.occupants}
    gone = [each.unit for name, each in before.items() if name not in present]
    books, tails = meter.books, begin_tails(meter.running.tails, meter.at, gone, seen.tail_seconds)
    for each in seen.occupants:
        known = before.get(each.name)
        if known is None:
            begun_at = min(max(each.begun_at, meter.first_at), meter.at)
            tails, until = take_over(tails, each.unit)
            books = _came(meter, books, each, begun_at)
            if until is not None:
                books = _without_tail(meter, books, each, begun_at, Tail(until, each.unit, 1), seen)
        elif known.serves_since is None and each.serves_since is not None:
            books = _served_earlier(meter, books, each, max(each.serves_since, known.begun_at))
    running = Running(grouped(seen.occupants), seen.busy, tails)
    return meter._replace(running=running, occupants=seen.occupants, books=books, turns=meter.turns + 1)


def _came(meter: Meter, books: Books, each: Occupant, begun_at: float) -> Books:
    """A replica is new that has held its node for some time."""
    serves_since = meter.at if each.serves_since is None else min(max(each.serves_since, begun_at), meter.at)
    if serves_since > begun_at:
        books = charge(
            books, meter.day, begun_at, serves_since, each.unit, Amounts(starting=serves_since - begun_at)
        )
    return _served(meter, books, each.unit, serves_since)


def _served(meter: Meter, books: Books, unit: Unit, since: float) -> Books:
    """A replica has served since then, and nobody saw whether it worked: as the pool was seen last."""
    seconds = meter.at - since
    if seconds <= 0.0:
        return books
    busy = meter.running.busy
    state = "unknown" if busy is None else "busy" if busy else "idle"
    amounts = Amounts(**{state: seconds}, estimated=seconds)
    return charge(books, meter.day, since, meter.at, unit, amounts)


def _served_earlier(meter: Meter, books: Books, each: Occupant, since: float) -> Books:
    """A replica that was counted as starting has served for some time already."""
    seconds = meter.at - since
    if seconds <= 0.0:
        return books
    books = charge(books, meter.day, since, meter.at, each.unit, Amounts(starting=-seconds))
    return _served(meter, books, each.unit, since)


def _without_tail(
    meter: Meter, books: Books, each: Occupant, begun_at: float, tail: Tail, seen: Seen
) -> Books:
    """The tail of the node that a replica has taken ended when the replica came."""
    begin, end = max(begun_at, tail.until - seen.tail_seconds), min(tail.until, meter.at)
    if end <= begin:
        return books
    return charge(books, meter.day, begin, end, each.unit, Amounts(tail=begin - end))


def _found_again(meter: Meter, since: float, seen: Seen) -> Meter:
    """The first look after a restart. What ran at `since` was counted until now as it was seen then: what the
    pods show is put right."""
    books, tails = meter.books, meter.running.tails
    counted = sum(group.starting + group.serving for group in meter.running.groups)
    by_age = sorted(seen.occupants, key=lambda each: each.begun_at)
    survivors = [each for each in by_age if each.begun_at <= since][:counted]
    books = _survived(meter, books, since, survivors)
    missing = _missing(meter)[: counted - len(survivors)]
    for place, each in enumerate(by_age[len(survivors) :]):
        begun_at = min(max(each.begun_at, since), meter.at)
        if place < len(missing):
            books = _replaced(meter, books, *missing[place], begun_at)
        else:
            tails, until = take_over(tails, each.unit)
            if until is not None:
                books = _without_tail(meter, books, each, begun_at, Tail(until, each.unit, 1), seen)
        books = _came(meter, books, each, begun_at)
    gone = [unit for unit, _ in missing[len(seen.occupants) - len(survivors) :]]
    tails = begin_tails(tails, meter.at, gone, seen.tail_seconds)
    running = Running(grouped(seen.occupants), seen.busy, tails)
    return meter._replace(
        running=running,
        occupants=seen.occupants,
        is_resumed=False,
        books=books,
        turns=meter.turns + (running != meter.running),
    )


def _survived(meter: Meter, books: Books, since: float, survivors: list[Occupant]) -> Books:
    """Replicas that ran before and still run were seen all the time, as far as their pods show it; those that
    became ready meanwhile were counted as starting."""
    left: Counter[str] = Counter()
    for group in meter.running.groups:
        left[group.unit.accelerator_class] += group.starting
    for each in survivors:
        name = each.unit.accelerator_class
        if each.serves_since is not None and each.serves_since > since and left[name]:
            left[name] -= 1
            books = _served_earlier(meter, books, each, each.serves_since)
    return books


def _replaced(meter: Meter, books: Books, unit: Unit, state: str, since: float) -> Books:
    """A replica that went while nobody looked most likely went when another one came: since then, it was
    counted for nothing."""
    seconds = meter.at - since
    if seconds <= 0.0:
        return books
    amounts = Amounts(**{state: -seconds}, estimated=-seconds)
    return charge(books, meter.day, since, meter.at, unit, amounts)


def _missing(meter: Meter) -> list[tuple[Unit, str]]:
    """The replicas that ran before, with the state in which they were counted, in the order in which they
    most likely went: first those that were starting, then idle ones."""
    busy = meter.running.busy
    found: list[tuple[Unit, str]] = []
    for unit, starting, serving in meter.running.groups:
        working = serving if busy is None else min(busy, serving)
        found += [(unit, "starting")] * starting + [(unit, "idle")] * (serving - working)
        found += [(unit, "unknown" if busy is None else "busy")] * working
    return found
