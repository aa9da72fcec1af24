"""The day of a budget, from midnight to midnight in its time zone."""

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from poolkeeper.core.billing.books import Day

DEFAULT_ZONE = "Etc/UTC"


QUARTER = 900.0
"""Seconds. In each time zone, days begin at a quarter of an hour of UTC."""


def day_of(now: float, zone: str) -> Day:
    """The day that an instant is in; it has 23 or 25 hours where a clock is put forward or back."""
    return _day_of(int(now // QUARTER), zone)


@lru_cache(maxsize=1024)
def _day_of(quarter: int, zone: str) -> Day:
    today = datetime.fromtimestamp(quarter * QUARTER, _zone(zone))
    today = today.replace(hour=0, minute=0, second=0, microsecond=0)
    return Day(today.timestamp(), (today + timedelta(days=1)).timestamp())


def time_of_day(at: float, zone: str) -> str:
    """An instant in words: 17:40 Europe/Berlin."""
    return f"{datetime.fromtimestamp(at, _zone(zone)):%H:%M} {zone.removeprefix('Etc/')}"


def is_zone(zone: str) -> bool:
    """Whether it is the name of a time zone; otherwise UTC is used."""
    return zone == DEFAULT_ZONE or _zone(zone) is not UTC


@lru_cache(maxsize=256)
def _zone(zone: str) -> tzinfo:
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC
