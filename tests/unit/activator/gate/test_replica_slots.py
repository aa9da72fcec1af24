"""The replica with the fewest requests gets the next, and none gets more than its slots."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.activator.gate.replica_slots import ReplicaSlots
from poolkeeper.api.activation import Replica


def slots_of(**slots: int) -> ReplicaSlots:
    """Replicas by name with their slots."""
    replicas = ReplicaSlots()
    replicas.update(Replica(address=address, slots=count) for address, count in slots.items())
    return replicas


def test_the_least_loaded_replica_is_next() -> None:
    replicas = slots_of(a=2, b=1)
    assert [replicas.take(0.0) for _ in range(4)] == ["a", "b", "a", None]
    replicas.give_back("b")
    assert replicas.take(0.0) == "b"


def test_a_paused_replica_gets_nothing_until_its_pause_ends() -> None:
    replicas = slots_of(a=1)
    replicas.pause("a", 10.0)
    assert (replicas.take(9.9), replicas.next_end_of_pause(9.9)) == (None, 10.0)
    assert (replicas.next_end_of_pause(10.0), replicas.take(10.0)) == (None, "a")


def test_a_replica_without_a_probe_is_tried_last_until_it_has_accepted_a_connection() -> None:
    replicas = slots_of()
    pods = [Replica(address="a", slots=2), Replica(address="b", slots=2)]
    replicas.update(pods, unprobed=["a"])
    assert [replicas.take(0.0) for _ in range(3)] == ["b", "b", "a"]
    assert replicas.unproven == {"a"}
    replicas.accepted("a")
    replicas.accepted("b")
    assert not replicas.unproven
    assert "".join(replicas.accepting) == "a", "b has a probe"
    replicas.pause("a", 1.0)
    assert replicas.unproven == {"a"}, "it refused the next connection"
    replicas.accepted("a")
    replicas.update((), unprobed=[])
    replicas.update(pods, unprobed=["a"])
    assert replicas.unproven == {"a"}, "the address may belong to another pod now"


@pytest.mark.parametrize(
    ("slots", "refusing", "expected"),
    [({}, "", False), ({"a": 1}, "a", True), ({"a": 1, "b": 1}, "a", False), ({"a": 1, "b": 1}, "ab", True)],
)
def test_it_is_known_whether_every_replica_refuses(
    slots: dict[str, int], refusing: str, *, expected: bool
) -> None:
    replicas = slots_of(**slots)
    for address in refusing:
        replicas.pause(address, 1.0)
    assert replicas.all_refuse is expected
    for address in slots:
        replicas.accepted(address)
        assert not replicas.all_refuse


def test_a_replica_that_comes_back_still_has_its_requests() -> None:
    replicas = slots_of(a=1)
    replicas.take(0.0)
    replicas.update(())
    replicas.update([Replica(address="a", slots=1)])
    assert replicas.take(0.0) is None


@given(st.lists(st.sampled_from(["take", "give back", "fewer", "more"]), max_size=60))
def test_slots_are_never_exceeded_by_taking(steps: list[str]) -> None:
    slots = {"a": 2, "b": 3}
    replicas = slots_of(**slots)
    taken: list[str] = []
    for step in steps:
        if step == "take" and (address := replicas.take(0.0)) is not None:
            taken.append(address)
            assert taken.count(address) <= slots[address]
        elif step == "give back" and taken:
            replicas.give_back(taken.pop(0))
        elif step in ("fewer", "more"):
            slots = {"a": 1, "b": 3} if step == "fewer" else {"a": 4, "b": 3}
            replicas.update(Replica(address=address, slots=count) for address, count in slots.items())
        assert dict(replicas.taken) == {address: taken.count(address) for address in set(taken)}
