"""Ages are never understated, nobody is forgotten, and a report stays small."""

from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.activator.gate.waiting import MOST_ENTRIES, WaitingAges

NOW = 10_000.0


@given(st.lists(st.floats(0, NOW), max_size=300), st.data())
def test_the_report_covers_everybody_who_waits(arrivals: list[float], data: st.DataObject) -> None:
    ages = WaitingAges()
    for arrived_at in arrivals:
        ages.add(arrived_at)
    left = data.draw(st.lists(st.sampled_from(arrivals), unique=True)) if arrivals else []
    for arrived_at in left:
        ages.remove(arrived_at)
        arrivals.remove(arrived_at)

    report = ages.report(NOW)

    assert len(report) <= MOST_ENTRIES
    assert sum(entry.requests for entry in report) == len(arrivals)
    assert [entry.age_seconds for entry in report] == sorted(
        (entry.age_seconds for entry in report), reverse=True
    )
    reported = [entry.age_seconds for entry in report for _ in range(entry.requests)]
    assert all(age >= NOW - arrived_at for age, arrived_at in zip(reported, sorted(arrivals), strict=True))
