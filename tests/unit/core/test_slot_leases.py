"""Whatever is delayed or lost between controller and activators, a replica gets no more than it takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.core.slot_leases import Holder, Promises, share


@pytest.mark.parametrize(
    ("concurrency", "elsewhere", "holders", "slots"),
    [
        (8, 0, [Holder("a", 100, 0, 0)], {"a": 8}),
        (8, 3, [Holder("a", 100, 0, 0)], {"a": 5}),
        (8, 0, [Holder("a", 0, 0, 0), Holder("b", 0, 0, 0)], {"a": 4, "b": 4}),
        (8, 0, [Holder("a", 30, 0, 0), Holder("b", 10, 0, 0)], {"a": 6, "b": 2}),
        (8, 0, [Holder("a", 0, 0, 4), Holder("b", 10, 0, 4)], {"a": 0, "b": 4}),
        (8, 0, [Holder("a", 0, 0, 0), Holder("b", 10, 0, 4)], {"a": 0, "b": 8}),
        (8, 9, [Holder("a", 5, 0, 8)], {"a": 0}),
        (1, 0, [Holder("a", 1, 0, 0), Holder("b", 1, 0, 0)], {"a": 1, "b": 0}),
        (4, 0, [], {}),
    ],
)
def test_shares(concurrency: int, elsewhere: int, holders: list[Holder], slots: dict[str, int]) -> None:
    assert share(concurrency, elsewhere, holders) == slots


class Activator:
    """Goes by the tables that reach it, in the order in which they were sent, and takes what they allow."""

    def __init__(self) -> None:
        self.promises = Promises()
        self.under_way: list[tuple[int, int]] = []
        self.unconfirmed: list[int] = []
        self.slots = self.taken = self.waiting = 0


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["share", "deliver", "confirm", "lose", "arrive", "finish"]), st.integers(0, 2)
    ),
    max_size=80,
)


@given(st.integers(1, 9), STEPS)
def test_a_replica_never_has_more_than_its_concurrency(
    concurrency: int, steps: list[tuple[str, int]]
) -> None:
    activators = [Activator() for _ in range(3)]
    for issue, (what, index) in enumerate(steps, 1):
        activator = activators[index]
        if what == "share":
            hand_out(concurrency, issue, activators)
        elif what == "deliver" and activator.under_way:
            delivered, activator.slots = activator.under_way.pop(0)
            activator.unconfirmed.append(delivered)
        elif what == "confirm" and activator.unconfirmed:
            activator.promises.confirmed(activator.unconfirmed.pop(0))
        elif what == "lose" and activator.under_way:
            activator.under_way.pop(0)
        elif what == "arrive":
            activator.waiting += 1
        elif what == "finish" and activator.taken:
            activator.taken -= 1
        while activator.waiting and activator.taken < activator.slots:
            activator.waiting -= 1
            activator.taken += 1
        assert sum(each.taken for each in activators) <= concurrency


def hand_out(concurrency: int, issue: int, activators: list[Activator]) -> None:
    """Send everybody a new share; what they have taken is known exactly."""
    holders = [
        Holder(str(index), each.waiting, each.taken, max(each.promises.at("pod"), each.taken))
        for index, each in enumerate(activators)
    ]
    for name, slots in share(concurrency, 0, holders).items():
        activators[int(name)].promises.sent(issue, {"pod": slots})
        activators[int(name)].under_way.append((issue, slots))


@given(
    st.integers(0, 20),
    st.integers(0, 20),
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9), st.integers(0, 9)), max_size=5),
)
def test_shares_fit_what_is_promised_and_waste_nothing(
    concurrency: int, elsewhere: int, numbers: list[tuple[int, int, int]]
) -> None:
    holders = [
        Holder(str(index), waiting, min(taken, promised), promised)
        for index, (waiting, taken, promised) in enumerate(numbers)
    ]
    slots = share(concurrency, elsewhere, holders)
    promised = sum(holder.promised for holder in holders)
    most = sum(max(holder.promised, slots[holder.name]) for holder in holders)
    assert most <= max(promised, concurrency - elsewhere)
    if holders and not promised:
        assert sum(slots.values()) == max(0, concurrency - elsewhere)
