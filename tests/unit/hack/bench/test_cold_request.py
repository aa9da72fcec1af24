"""What the benchmark of cold requests makes of what it sees."""

from typing import Any

import pytest

from hack.bench.http.cold_request import Start, report
from hack.bench.http.scene.kind_model import Marks, model, pool


def pod(*, running: bool = False, ready: bool = False) -> dict[str, Any]:
    """A pod as a watch shows it."""
    state = {"running": {"startedAt": "now"}} if running else {"waiting": {}}
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return {"status": {"containerStatuses": [{"state": state}], "conditions": conditions}}


def test_each_part_ends_when_it_is_first_seen() -> None:
    marks = Marks()
    marks.note("Deployment", {"spec": {"replicas": 0}}, 1.0)
    marks.note("Deployment", {"spec": {"replicas": 1}}, 2.0)
    marks.note("Deployment", {"spec": {"replicas": 1}}, 2.5)
    marks.note("Pod", {"status": {}}, 4.0)
    marks.note("Pod", pod(running=True), 7.0)
    marks.note("Pod", pod(running=True, ready=True), 11.0)
    marks.note("Pod", pod(running=True, ready=True), 12.0)
    start = Start.of(0.5, marks, 16.0)
    assert start == Start(
        until_scaled=1.5, until_created=2.0, until_running=3.0, until_ready=4.0, until_answered=5.0
    )
    assert start.total == 15.5


@pytest.mark.parametrize(("slowest", "is_met"), [(0.9, True), (1.2, False)])
def test_the_slowest_counts_too(capsys: pytest.CaptureFixture[str], slowest: float, *, is_met: bool) -> None:
    floors = [
        Start(until_scaled=0.1, until_created=0.1, until_running=0.5, until_ready=0.5, until_answered=0.5)
    ] * 20
    colds = [
        Start(until_scaled=0.1, until_created=0.1, until_running=0.5, until_ready=0.5, until_answered=0.6)
    ] * 19 + [
        Start(
            until_scaled=0.1,
            until_created=0.1,
            until_running=0.5,
            until_ready=0.5,
            until_answered=0.5 + slowest * 1.1,
        )
    ]
    assert report(floors, colds) is is_met
    assert ("MISSED" in capsys.readouterr().out) is not is_met


def test_both_models_are_the_same_but_for_their_name() -> None:
    one, other = (str(model(name)) for name in ("pooled", "bare"))
    assert one.replace("pooled", "bare") == other
    assert "preStop" not in one


def test_the_pool_names_its_model() -> None:
    made = pool("pooled")
    assert made["spec"]["targetRef"] == {"name": "pooled"}
    assert made["spec"]["coldStart"]["start"] == "Immediately"
