"""Whatever is delayed or lost between controller and activators, a replica gets no more than it takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.core.front.slot_grants import MOST_UNCONFIRMED, Holder, SlotGrants, share


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
        (
            8,
            0,
            [Holder("a", 9, 3, 3, is_known=False), Holder("b", 9, 0, 0, is_known=False)],
            {"a": 3, "b": 0},
        ),
        (8, 0, [Holder("a", 0, 0, 0, is_known=False), Holder("b", 9, 1, 2)], {"a": 0, "b": 2}),
    ],
)
def test_shares(concurrency: int, elsewhere: int, holders: list[Holder], slots: dict[str, int]) -> None:
    assert share(concurrency, elsewhere, holders) == slots


class Activator:
    """Goes by the tables that reach it, in the order in which they were sent, and takes what they allow."""

    def __init__(self) -> None:
        self.grants = SlotGrants().confirmed(0)
        self.under_way: list[tuple[int, int]] = []
        self.unconfirmed: list[int] = []
        self.slots = self.taken = self.waiting = 0

    def let_go(self) -> None:
        """Give the replica what the slots allow."""
        while self.waiting and self.taken < self.slots:
            self.waiting -= 1
            self.taken += 1


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["share", "deliver", "confirm", "lose", "arrive", "finish", "another leader"]),
        st.integers(0, 2),
    ),
    max_size=80,
)


@given(st.integers(1, 9), STEPS)
def test_a_replica_never_has_more_than_its_concurrency(
    concurrency: int, steps: list[tuple[str, int]]
) -> None:
    activators = [Activator() for _ in range(3)]
    for table_version, (what, index) in enumerate(steps, 1):
        activator = activators[index]
        if what == "share":
            hand_out(concurrency, table_version, activators)
        elif what == "another leader":
            change_leader(activators)
        elif what == "deliver" and activator.under_way:
            delivered, activator.slots = activator.under_way.pop(0)
            activator.unconfirmed.append(delivered)
        elif what == "confirm" and activator.unconfirmed:
            activator.grants = activator.grants.confirmed(activator.unconfirmed.pop(0))
        elif what == "lose" and activator.under_way:
            activator.under_way.pop(0)
        elif what == "arrive":
            activator.waiting += 1
        elif what == "finish" and activator.taken:
            activator.taken -= 1
        activator.let_go()
        assert sum(each.taken for each in activators) <= concurrency


def change_leader(activators: list[Activator]) -> None:
    """Nobody knows any more what was promised; the activators go on by the tables that they have."""
    for each in activators:
        each.under_way, each.unconfirmed, each.grants = [], [], SlotGrants()


def hand_out(concurrency: int, table_version: int, activators: list[Activator]) -> None:
    """Send everybody a new share; what they have taken is known exactly."""
    holders = [
        Holder(
            str(index),
            each.waiting,
            each.taken,
            max(each.grants.at("pod"), each.taken),
            each.grants.is_known,
        )
        for index, each in enumerate(activators)
    ]
    for name, slots in share(concurrency, 0, holders).items():
        activator = activators[int(name)]
        activator.grants = activator.grants.sent(table_version, {"pod": slots})
        activator.under_way.append((table_version, slots))


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
    promised = sum(holder.granted for holder in holders)
    most = sum(max(holder.granted, slots[holder.name]) for holder in holders)
    assert most <= max(promised, concurrency - elsewhere)
    if holders and not promised:
        assert sum(slots.values()) == max(0, concurrency - elsewhere)


def test_a_number_of_another_leader_confirms_nothing_of_ours() -> None:
    grants = SlotGrants()
    grants = grants.sent(5, {"pod": 4})
    grants = grants.sent(6, {"pod": 1})
    grants = grants.confirmed(900)
    assert (grants.at("pod"), grants.in_force, grants.is_known) == (4, 0, False)
    grants = grants.confirmed(6)
    assert (grants.at("pod"), grants.in_force, grants.is_known) == (1, 6, True)


def test_tables_that_are_never_confirmed_take_no_room() -> None:
    grants = SlotGrants()
    grants = grants.sent(1, {"pod": 1})
    grants = grants.confirmed(1)
    for table_version in range(2, 500):
        grants = grants.sent(table_version, {"pod": 7 if table_version == 2 else 0})
    assert len(grants.tables) <= MOST_UNCONFIRMED
    assert grants.at("pod") == 7, "the one that seemed to fail may have arrived"
    grants = grants.confirmed(1)
    assert grants.is_known, "the table in force is still known to be ours"


def test_a_table_that_was_replaced_before_it_went_out_is_no_promise() -> None:
    grants = SlotGrants()
    grants = grants.sent(1, {"pod": 9})
    grants = grants.withdrawn(1)
    assert grants.at("pod") == 0
