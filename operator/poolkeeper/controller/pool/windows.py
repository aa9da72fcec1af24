"""Warm windows: declared times in which some replicas stay up, as cron expressions in a time zone."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from poolkeeper.api.pool import WarmWindow
from poolkeeper.core.values.observation import WarmFloor

DAYS_OF_A_WEEK = 7
"""A weekday alone names a day up to six days ahead."""


def window_problems(windows: Sequence[WarmWindow]) -> list[str]:
    """What is wrong with each window that can't be read, as sentences."""
    return [problem for window in windows if (problem := _problem(window))]


def warm_floor(now: float, windows: Sequence[WarmWindow]) -> WarmFloor:
    """The replicas that the open windows ask for, and when a window opens or closes next.

    A window is open if its last opening is later than its last closing. Windows that can't be read are
    left out.
    """
    followed = [window for window in windows if not _problem(window)]
    changes = [_next(now, window, field) for window in followed for field in ("start", "end")]
    changes_at = min(filter(None, changes), default=None)
    is_open = [window for window in followed if _is_open(now, window)]
    if not is_open:
        return WarmFloor(changes_at=changes_at)
    # Of several that ask for as many, the one that closes last is named.
    named = max(is_open, key=lambda window: (window.replicas, _next(now, window, "end") or math.inf))
    return WarmFloor(named.replicas, changes_at, named.name, _closes(now, named))


def _closes(now: float, window: WarmWindow) -> str:
    """When an open window closes, on its own clock: 18:00, on another day Fri 18:00, later with the date."""
    end_at = _next(now, window, "end")
    if end_at is None:
        return ""
    zone = ZoneInfo(window.time_zone)
    today, end = (datetime.fromtimestamp(at, zone) for at in (now, end_at))
    days = (end.date() - today.date()).days
    day = "" if not days else "%a " if days < DAYS_OF_A_WEEK else "%Y-%m-%d "
    return f"{end.strftime(f'{day}%H:%M')} {window.time_zone.removeprefix('Etc/')}"


def _problem(window: WarmWindow) -> str | None:
    try:
        zone = ZoneInfo(window.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f"window {window.name}: {window.time_zone!r} is not a time zone: write one like Europe/Berlin"
    for field in ("start", "end"):
        expression = getattr(window, field)
        try:
            CronSim(expression, datetime.now(zone))
        except CronSimError as error:
            problem = f"{field} {expression!r} is not a cron expression ({error})"
            return f"window {window.name}: {problem}: write one like 0 8 * * 1-5"
    return None


def _is_open(now: float, window: WarmWindow) -> bool:
    opened, closed = _last(now, window, "start"), _last(now, window, "end")
    return opened is not None and (closed is None or opened > closed)


def _last(now: float, window: WarmWindow, field: str) -> float | None:
    # One second later, since looking back excludes the second that it begins with.
    return _occurrence(now + 1.0, window, field, reverse=True)


def _next(now: float, window: WarmWindow, field: str) -> float | None:
    return _occurrence(now, window, field, reverse=False)


def _occurrence(now: float, window: WarmWindow, field: str, *, reverse: bool) -> float | None:
    instant = datetime.fromtimestamp(int(now), UTC).astimezone(ZoneInfo(window.time_zone))
    found = next(CronSim(getattr(window, field), instant, reverse=reverse), None)
    return found.timestamp() if isinstance(found, datetime) else None
