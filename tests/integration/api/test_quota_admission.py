"""Quotas that the API server refuses, with which message, and the defaults of those that it accepts."""

from typing import Any

import pytest

from tests.integration.api.conftest import Kubectl, Refused
from tests.integration.api.specs import REMOVED, Spec, changed

QUOTA: Spec = {"namespaces": ["*"], "limits": {"watts": 3000}}
SHARE: Spec = {"name": "first", "namespaces": ["team-a"]}

REFUSED: dict[str, tuple[Spec, str]] = {
    "no namespaces": ({"namespaces": []}, "spec.namespaces in body should have at least 1 items"),
    "no limits": ({"limits": {}}, "name at least one of chips, watts and dollarsPerHour"),
    "no limits at all": ({"limits": REMOVED}, "spec.limits: Required value"),
    "dollars as a number": ({"limits": {"dollarsPerHour": 40}}, "must be of type string"),
    "dollars in words": ({"limits": {"dollarsPerHour": "much"}}, "must be a decimal like"),
    "negative watts": ({"limits": {"watts": -1}}, "should be greater than or equal to 0"),
    "one class twice": (
        {"limits": {"chips": [{"class": "a", "chips": 1}, {"class": "a", "chips": 2}]}},
        "Duplicate value",
    ),
    "a guarantee of what is not limited": (
        {"shares": [{**SHARE, "guaranteed": {"dollarsPerHour": "5"}}]},
        "guaranteed may only name what limits names too",
    ),
    "a share that can use nothing": (
        {"shares": [{**SHARE, "borrows": False}]},
        "a share that does not borrow needs guaranteed",
    ),
    "one share twice": ({"shares": [SHARE, SHARE]}, "Duplicate value"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(kubectl: Kubectl, case: str) -> None:
    changes, message = REFUSED[case]
    with pytest.raises(Refused) as refusal:
        kubectl.admit("AcceleratorQuota", changed(QUOTA, changes))
    assert message in str(refusal.value)


def test_fills_in_defaults(kubectl: Kubectl) -> None:
    stored = kubectl.admit("AcceleratorQuota", changed(QUOTA, {"shares": [SHARE]}))
    share = {**SHARE, "labels": [], "priority": 0, "borrows": True, "lends": True}
    assert stored == {
        "namespaces": ["*"],
        "labels": [],
        "limits": {"chips": [], "watts": 3000},
        "shares": [share],
    }


def test_accepts_a_quota_that_is_as_large_as_the_schema_allows(kubectl: Kubectl) -> None:
    """The cost of all rules together stays within what the API server allows for one object."""
    names = [f"{number:03}{'x' * 60}" for number in range(256)]
    chips = [{"class": f"{number:02}{'c' * 240}", "chips": 1_000_000} for number in range(32)]
    amounts: dict[str, Any] = {
        "chips": chips,
        "watts": 2_000_000_000,
        "dollarsPerHour": "123456789012.123456",
    }
    labels = [{"key": f"example.com/{number}", "value": "v" * 63} for number in range(8)]
    share = {"namespaces": names, "labels": labels, "priority": 1, "guaranteed": amounts, "borrows": False}
    shares = [{**share, "name": f"share-{number}"} for number in range(32)]
    spec = {"namespaces": names, "labels": labels, "limits": amounts, "shares": shares}
    assert len(kubectl.admit("AcceleratorQuota", spec)["shares"]) == 32
