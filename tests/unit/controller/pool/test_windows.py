"""Warm windows as instants, from schedules in their own time zone."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from poolkeeper.api.pool import WarmWindow
from poolkeeper.controller.pool.windows import warm_floor, window_problems
from poolkeeper.core.values.observation import WarmFloor

OFFICE = WarmWindow(
    name="office", start="0 8 * * MON-FRI", end="0 18 * * MON-FRI", time_zone="Europe/Berlin", replicas=2
)
NIGHT = WarmWindow(name="night", start="0 22 * * *", end="0 6 * * *", replicas=1)


def at(text: str, zone: str = "Europe/Berlin") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("now", "replicas", "changes_at"),
    [
        ("2026-03-02 07:59:59", 0, "2026-03-02 08:00:00"),
        ("2026-03-02 08:00:00", 2, "2026-03-02 18:00:00"),
        ("2026-03-02 17:59:59.9", 2, "2026-03-02 18:00:00"),
        ("2026-03-02 18:00:00", 0, "2026-03-03 08:00:00"),
        ("2026-03-06 18:00:01", 0, "2026-03-09 08:00:00"),
        ("2026-03-27 19:00:00", 0, "2026-03-30 08:00:00"),
    ],
    ids=["before", "opening", "inside", "closing", "over the weekend", "over a change of the clocks"],
)
def test_a_window_is_open_from_its_start_until_its_end(now: str, replicas: int, changes_at: str) -> None:
    floor = warm_floor(at(now), [OFFICE])
    assert (floor.replicas, floor.changes_at) == (replicas, at(changes_at))


def test_a_window_may_span_midnight() -> None:
    assert warm_floor(at("2026-03-02 02:00", "UTC"), [NIGHT]).replicas == 1


def test_of_several_open_windows_the_largest_counts() -> None:
    larger = OFFICE.model_copy(update={"name": "larger", "replicas": 5})
    floor = warm_floor(at("2026-03-02 12:00"), [OFFICE, larger])
    assert (floor.replicas, floor.window) == (5, "larger")


@pytest.mark.parametrize(
    ("now", "changes", "until"),
    [
        ("2026-03-02 12:00", {}, "18:00 Europe/Berlin"),
        ("2026-03-02 12:00", {"end": "30 6 * * *"}, "Tue 06:30 Europe/Berlin"),
        ("2026-03-02 12:00", {"end": "0 18 * * FRI"}, "Fri 18:00 Europe/Berlin"),
        ("2026-03-02 12:00", {"end": "0 18 9 3 *"}, "2026-03-09 18:00 Europe/Berlin"),
        ("2026-03-28 23:00", {"start": "0 20 * * *", "end": "0 4 * * *"}, "Sun 04:00 Europe/Berlin"),
        ("2026-03-02 12:00", {"time_zone": "Etc/UTC"}, "18:00 UTC"),
    ],
    ids=["today", "tomorrow", "this week", "next week", "over a change of the clocks", "in UTC"],
)
def test_an_open_window_says_its_name_and_its_end(now: str, changes: dict[str, str], until: str) -> None:
    floor = warm_floor(at(now), [OFFICE.model_copy(update=changes)])
    assert (floor.window, floor.until) == ("office", until)


def test_of_windows_that_ask_for_as_many_the_one_that_closes_last_is_named() -> None:
    longer = OFFICE.model_copy(update={"name": "longer", "end": "0 20 * * MON-FRI"})
    for windows in ([OFFICE, longer], [longer, OFFICE]):
        floor = warm_floor(at("2026-03-02 12:00"), windows)
        assert (floor.window, floor.until) == ("longer", "20:00 Europe/Berlin")


def test_without_windows_nothing_is_demanded_and_nothing_changes() -> None:
    assert warm_floor(0.0, []) == WarmFloor(0, None)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"start": "61 8 * * *"}, "window office: start '61 8 * * *' is not a cron expression"),
        ({"end": "0 9 31 2 *"}, "window office: end '0 9 31 2 *' is not a cron expression"),
        ({"time_zone": "Europe/Nowhere"}, "window office: 'Europe/Nowhere' is not a time zone"),
        ({"time_zone": "../etc/passwd"}, "window office: '../etc/passwd' is not a time zone"),
    ],
)
def test_a_window_that_can_not_be_followed_is_named_and_left_out(
    changes: dict[str, str], problem: str
) -> None:
    bad = OFFICE.model_copy(update=changes)
    (found,) = window_problems([bad, NIGHT])
    assert found.startswith(problem)
    assert warm_floor(at("2026-03-02 12:00"), [bad]) == WarmFloor(0, None)
