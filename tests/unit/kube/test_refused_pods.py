"""What the API server answered to the creation of a pod, from a condition or from events."""

import pytest

from poolkeeper.kube.objects.refused_pods import (
    MESSAGE_LENGTH,
    MOST_EVENT_AGE_SECONDS,
    Refusal,
    latest,
    project_event,
    refusal,
    refusal_in_status,
)

NOW = 1_767_225_600.0
AT = "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("message", "reason", "line"),
    [
        ('pods "a" is forbidden: exceeded quota: q, requested: pods=1', "QuotaExceeded", None),
        (
            'admission webhook "w" denied the request:\n\n  no',
            "AdmissionRefused",
            'admission webhook "w" denied the request: no',
        ),
        ("x" * 5000, "AdmissionRefused", "x" * (MESSAGE_LENGTH - 1) + "…"),
        ("", "AdmissionRefused", ""),
    ],
)
def test_an_answer_is_one_short_line_with_a_reason(message: str, reason: str, line: str | None) -> None:
    assert refusal(message, NOW) == Refusal(reason, message if line is None else line, NOW)


def test_the_condition_of_a_deployment_counts_while_it_is_true() -> None:
    condition = {"type": "ReplicaFailure", "status": "True", "message": "no", "lastTransitionTime": AT}
    assert refusal_in_status({"status": {"conditions": [condition]}}) == Refusal(
        "AdmissionRefused", "no", NOW
    )
    assert refusal_in_status({"status": {"conditions": [{**condition, "status": "False"}]}}) is None
    assert refusal_in_status({"status": {"conditions": [{**condition, "type": "Available"}]}}) is None
    assert refusal_in_status({}) is None


@pytest.mark.parametrize(
    "times",
    [
        {"lastTimestamp": AT},
        {"eventTime": AT},
        {"series": {"lastObservedTime": AT}, "eventTime": "2025-01-01T00:00:00Z"},
    ],
)
def test_the_last_time_of_an_event_is_read_in_each_of_its_forms(times: dict[str, object]) -> None:
    assert project_event({"message": "no", **times}).at == NOW


def test_the_latest_answer_counts_while_the_controller_may_not_have_tried_again() -> None:
    old, new, undated = refusal("old", NOW - 50.0), refusal("new", NOW - 10.0), refusal("undated", None)
    assert latest([new, undated, old], NOW) == new
    assert latest([old], NOW + MOST_EVENT_AGE_SECONDS) is None
    assert latest([], NOW) is None
