"""Quotas as they are declared, read into what the core counts with."""

from typing import Any

import pytest

from hack.testing.quota_world import CLASSES
from poolkeeper.controller.quota.declared import Declared, declared, say_dollars
from poolkeeper.controller.quota.parts import part_of
from poolkeeper.core.quota.quota import Measure, Unit
from poolkeeper.core.values.replica_size import ReplicaSize
from poolkeeper.kube.objects.quotas import QuotaObject


def read(spec: dict[str, Any], before: Declared | None = None) -> Declared:
    return declared(QuotaObject("site", "uid", 1, spec, {}), before)


ALL = {"chips": [{"class": "nvidia-l4", "chips": 4}], "watts": 300, "dollarsPerHour": "2.50"}
SHARE = {"name": "first", "namespaces": ["team-a"], "labels": [{"key": "tier", "value": "gold"}]}


def test_limits_in_all_measures() -> None:
    found = read({"namespaces": ["*"], "limits": ALL})
    assert found.quota.measures == (
        Measure(Unit.CHIPS, "nvidia-l4"),
        Measure(Unit.WATTS),
        Measure(Unit.MICRO_DOLLARS),
    )
    assert found.quota.limits == (4, 300, 2_500_000)
    assert found.problem is None


@pytest.mark.parametrize(
    ("namespace", "labels", "share"),
    [
        ("team-a", {"tier": "gold"}, 0),
        ("team-a", {}, 1),
        ("team-b", {"tier": "gold"}, 1),
        ("other", {}, None),
    ],
)
def test_which_share_a_pool_belongs_to(namespace: str, labels: dict[str, str], share: int | None) -> None:
    found = read({"namespaces": ["team-a", "team-b"], "limits": ALL, "shares": [SHARE]})
    assert found.share_of(namespace, labels) == share


@pytest.mark.parametrize(
    ("guaranteed", "reason"),
    [
        ({"chips": [{"class": "cpu", "chips": 1}]}, "GuaranteeWithoutLimit"),
        ({"watts": 301}, "GuaranteesExceedLimit"),
    ],
)
def test_guarantees_that_do_not_fit_the_limits(guaranteed: dict[str, Any], reason: str) -> None:
    found = read({"namespaces": ["*"], "limits": ALL, "shares": [{**SHARE, "guaranteed": guaranteed}]})
    assert found.problem is not None
    assert found.problem.reason == reason


@pytest.mark.parametrize("spec", [{}, {"limits": "much"}, {"namespaces": ["*"], "limits": {"watts": "x"}}])
def test_a_quota_that_can_not_be_read_keeps_its_last_version(spec: dict[str, Any]) -> None:
    before = read({"namespaces": ["*"], "limits": ALL})
    found = read(spec, before)
    assert found.quota == before.quota
    assert found.problem is not None
    assert found.problem.reason == "InvalidSpec"
    assert read(spec).share_of("team-a", {}) is None, "nothing is known of it, so it limits nobody"


@pytest.mark.parametrize(
    ("size", "use", "unknown"),
    [
        (ReplicaSize(2), (2, 144, 1_600_000), False),
        (ReplicaSize(None, unknown="no container asks for it"), (1, 72, 800_000), True),
    ],
)
def test_what_a_replica_uses(size: ReplicaSize, use: tuple[int, ...], unknown: bool) -> None:
    quota = read({"namespaces": ["*"], "limits": ALL}).quota
    part = part_of(quota, 0, "nvidia-l4", size, CLASSES)
    assert (part.use, bool(part.unknown)) == (use, unknown)


def test_without_a_figure_the_largest_of_all_classes_counts_and_nothing_is_added() -> None:
    quota = read({"namespaces": ["*"], "limits": {"watts": 300}}).quota
    part = part_of(quota, 0, "new", ReplicaSize(1), CLASSES)
    assert part.use == (400,)
    assert part.unknown == "AcceleratorClass new has no wattsPerChip: set it"


@pytest.mark.parametrize(("amount", "said"), [(2_500_000, "$2.50"), (1, "$0.01"), (0, "$0.00")])
def test_dollars_in_words(amount: int, said: str) -> None:
    assert say_dollars(amount) == said
