"""When /scale of a target is read again."""

import pytest

from poolkeeper.controller.pool.target import RETRIES, Target
from poolkeeper.core.tuning import RELOOK_SECONDS
from poolkeeper.kube.objects.scale import Scale
from poolkeeper.kube.transport.errors import ApiUnreachable

NOW = 1000.0


def scale(selector: str) -> Scale:
    return Scale(1, 1, selector, resource_version="1", uid="u")


def test_a_target_is_read_again_every_few_minutes() -> None:
    target = Target()
    target.was_read(scale("app=chat"), NOW)
    assert target.next_read_at - NOW == pytest.approx(RELOOK_SECONDS, rel=0.2)


def test_a_target_that_does_not_say_yet_which_pods_are_its_own_is_read_again_soon() -> None:
    """A LeaderWorkerSet and its pool are created at the same time; its controller is a second later."""
    target, pauses = Target(), list[float]()
    for _ in range(10):
        target.was_read(scale(""), NOW)
        pauses.append(target.next_read_at - NOW)
    assert pauses[0] <= RETRIES.first_seconds
    assert pauses[-1] > RETRIES.longest_seconds / 2 - 0.001
    target.was_read(scale("app=chat"), NOW)
    assert target.next_read_at - NOW > RETRIES.longest_seconds


def test_a_failure_is_read_again_soon() -> None:
    target = Target()
    target.has_failed(ApiUnreachable("Unreachable", "gone"), NOW)
    assert target.next_read_at - NOW <= RETRIES.first_seconds
