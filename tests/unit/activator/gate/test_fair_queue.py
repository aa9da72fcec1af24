"""Clients take turns, whatever they queue; what is thrown away costs nobody a turn."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.activator.gate.fair_queue import FairQueue


def drain(queue: FairQueue[str]) -> list[str]:
    """All items in the order in which they leave."""
    items = []
    while (item := queue.pop()) is not None:
        items.append(item)
    return items


def test_a_client_with_one_request_does_not_wait_for_a_client_with_many() -> None:
    queue: FairQueue[str] = FairQueue(1)
    for number in range(1000):
        queue.push("many", f"many-{number}", 1)
    queue.push("one", "one", 1)
    assert drain(queue)[:3] == ["many-0", "one", "many-1"]


def test_a_client_with_large_requests_gets_fewer_turns() -> None:
    queue: FairQueue[str] = FairQueue(1)
    for number in range(40):
        queue.push("large", f"large-{number}", 4)
        queue.push("small", f"small-{number}", 1)
    first = Counter(item.split("-")[0] for item in drain(queue)[:40])
    assert first == {"small": 32, "large": 8}


def test_a_returned_item_is_the_next_one() -> None:
    queue: FairQueue[str] = FairQueue(1)
    for client in "abc":
        queue.push(client, client, 8)
    item = queue.pop()
    assert item is not None
    queue.push_back_to_front(item, item)
    assert queue.pop() == item


Operations = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.sampled_from("abc"), st.integers(1, 8)),
        st.tuples(st.just("pop"), st.none(), st.none()),
        st.tuples(st.just("return"), st.none(), st.none()),
        st.tuples(st.just("discard"), st.integers(0, 60), st.none()),
    ),
    max_size=120,
)


@given(Operations)
def test_every_item_leaves_exactly_once(operations: list[tuple[str, object, object]]) -> None:
    queue: FairQueue[int] = FairQueue(1)
    owner: dict[int, str] = {}
    inside: set[int] = set()
    outside: list[int] = []
    for what, argument, cost in operations:
        if what == "push" and isinstance(argument, str) and isinstance(cost, int):
            item = len(owner)
            owner[item] = argument
            inside.add(item)
            queue.push(argument, item, cost)
        elif what == "pop" and (popped := queue.pop()) is not None:
            inside.remove(popped)
            outside.append(popped)
        elif what == "return" and outside:
            item = outside.pop()
            inside.add(item)
            queue.push_back_to_front(owner[item], item)
        elif what == "discard" and argument in owner:
            assert isinstance(argument, int)
            assert queue.discard(owner[argument], argument) == (argument in inside)
            inside.discard(argument)
        assert len(queue) == len(inside)
        assert set(queue) == inside
    while (left := queue.pop()) is not None:
        inside.remove(left)
    assert not inside


@given(st.lists(st.integers(1, 8), min_size=1, max_size=30), st.integers(1, 30))
def test_a_client_waits_for_a_turn_of_each_other_client_at_most(costs: list[int], others: int) -> None:
    queue: FairQueue[str] = FairQueue(1)
    for other in range(others):
        for number, cost in enumerate(costs):
            queue.push(f"other-{other}", f"{other}-{number}", cost)
    queue.push("mine", "mine", 1)
    assert drain(queue).index("mine") <= others


@given(st.lists(st.tuples(st.sampled_from(["push", "discard", "pop", "return"]), st.sampled_from("abc"))))
def test_who_has_most_gives_way_with_its_latest(steps: list[tuple[str, str]]) -> None:
    queue: FairQueue[str] = FairQueue(1)
    waiting: dict[str, list[str]] = {"a": [], "b": [], "c": []}
    for number, (step, client) in enumerate(steps):
        if step == "push":
            queue.push(client, f"{client}{number}", 1)
            waiting[client].append(f"{client}{number}")
        elif step == "discard" and waiting[client]:
            queue.discard(client, waiting[client].pop())
        elif step in ("pop", "return") and (item := queue.pop()) is not None:
            waiting[item[0]].remove(item)
            if step == "return":
                queue.push_back_to_front(item[0], item)
                waiting[item[0]].insert(0, item)
        most = max(len(items) for items in waiting.values())
        for newcomer in "abcd":
            gives_way = queue.newest_of_greediest(newcomer)
            if most < len(waiting.get(newcomer, ())) + 2:
                assert gives_way is None
            else:
                assert gives_way in [items[-1] for items in waiting.values() if len(items) == most]
