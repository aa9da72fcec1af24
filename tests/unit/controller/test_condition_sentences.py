"""The messages of conditions, as a user of kubectl reads them."""

import pytest

from poolkeeper.controller.reporting import conditions
from poolkeeper.core.values.observation import Held, Replicas
from poolkeeper.kube.objects.managed_fields import ReplicaWriter


@pytest.mark.parametrize(
    ("replicas", "reason", "message"),
    [
        (Replicas(desired=1, ready=0), "ReplicasWanted", "the target should have 1 replica"),
        (Replicas(desired=0, ready=1), "ReplicasStopping", "1 replica still runs and should stop"),
        (Replicas(desired=0, ready=2), "ReplicasStopping", "2 replicas still run and should stop"),
        (Replicas(desired=0, ready=0), "NoReplicas", "no replica runs, and none is wanted"),
    ],
)
def test_scaled_to_zero(replicas: Replicas, reason: str, message: str) -> None:
    verdict = conditions.scaled_to_zero(replicas)
    assert (verdict.reason, verdict.message) == (reason, message)


def test_an_unknown_class_says_which_figures_are_used() -> None:
    message = conditions.unknown_class("l4", ["nvidia-l4"], is_held=False).message
    assert message.endswith(
        "Until the operator restarts, it uses the figures of the class that it read last."
    )


ARGO = ReplicaWriter("argocd-controller", "Apply", "", 1_700_000_000.0)


def test_a_contested_target_names_the_writer_the_time_and_the_remedy() -> None:
    assert conditions.contested(ARGO, 1_700_000_099.0).message == (
        "argocd-controller (Apply) keeps changing the replicas, last at 22:13:20 UTC; it is Argo CD: add the "
        "target to ignoreDifferences of the Application with jsonPointers: [/spec/replicas], and set the "
        "sync option RespectIgnoreDifferences=true"
    )


def test_a_contested_target_names_what_usually_contests_it_where_the_writer_is_not_known() -> None:
    message = conditions.contested(None, 1_700_000_000.0).message
    assert message.startswith("another writer keeps changing the replicas, last at 22:13:20 UTC; often a ")


@pytest.mark.parametrize(("held", "when"), [(Held(1_700_000_060.0), ", not before 22:14:20 UTC"), (None, "")])
def test_a_contested_pool_says_how_rarely_it_writes(held: Held | None, when: str) -> None:
    verdict = conditions.written_rarely(str(ARGO), 120.0, held)
    assert (verdict.holds, verdict.reason) == (False, "ReplicasChangedElsewhere")
    assert verdict.message == (
        "argocd-controller (Apply) keeps changing the replicas, so the operator writes them at most once in "
        f"120 s{when}: the condition SoleWriter says what to do"
    )
