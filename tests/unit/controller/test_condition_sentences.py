"""The messages of conditions, as a user of kubectl reads them."""

import pytest

from poolkeeper.controller.reporting import conditions
from poolkeeper.core.values.observation import Replicas


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


def test_a_contested_target_names_what_usually_contests_it() -> None:
    assert conditions.contested(3).message == (
        "something other than the operator has changed the replicas 3 times in 10 minutes. Often a "
        "deployment tool applies spec.replicas: remove that field from its manifests"
    )
