"""The store of pods ends up the same whatever order news comes in, and however often."""

from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.kube.watch.pod import Pod, project_pod
from poolkeeper.kube.watch.pod_store import PodStore

NAMESPACE = "serving"


def news(uid: str, version: int, namespace: str = NAMESPACE) -> Pod:
    """A pod whose name contains its version, so that each version is a visible change."""
    metadata = {"uid": uid, "name": f"{uid}-{version}", "namespace": namespace}
    return project_pod({"metadata": metadata | {"resourceVersion": str(version)}})


def names(store: PodStore, namespace: str = NAMESPACE) -> set[str]:
    return {pod.name for pod in store.pods(namespace).values()}


@dataclass(frozen=True)
class Life:
    """One pod's versions in order, and whether it is deleted at the end."""

    uid: str
    versions: tuple[int, ...]
    is_deleted: bool

    def events(self) -> list[tuple[str, Pod]]:
        sent = [("MODIFIED", news(self.uid, version)) for version in self.versions]
        return [*sent, ("DELETED", news(self.uid, self.versions[-1] + 1))] if self.is_deleted else sent


@st.composite
def lives(draw: st.DrawFn) -> list[Life]:
    return [
        Life(
            f"pod{number}", tuple(sorted(draw(st.sets(st.integers(1, 50), min_size=1)))), draw(st.booleans())
        )
        for number in range(draw(st.integers(1, 4)))
    ]


@given(lives=lives(), data=st.data())
def test_events_may_come_twice_and_in_any_order(lives: list[Life], data: st.DataObject) -> None:
    events = [event for life in lives for event in life.events()]
    twice = data.draw(st.permutations([*events, *events]))
    store = PodStore()
    for event_type, pod in twice:
        if event_type == "DELETED":
            store.remove(pod)
        else:
            store.put(pod)
    assert names(store) == {f"{life.uid}-{life.versions[-1]}" for life in lives if not life.is_deleted}


@given(before=st.sets(st.integers(0, 9)), after=st.sets(st.integers(0, 9)))
def test_a_list_replaces_everything(before: set[int], after: set[int]) -> None:
    store = PodStore()
    store.reconcile([news(f"p{number}", 1) for number in before], [NAMESPACE])
    changed = store.reconcile([news(f"p{number}", 1) for number in after], [NAMESPACE])
    assert names(store) == {f"p{number}-1" for number in after}
    assert changed == ({NAMESPACE} if before != after else set())


def test_a_list_of_some_namespaces_leaves_the_others_alone() -> None:
    store = PodStore()
    store.put(news("theirs", 1, "other"))
    store.reconcile([news("ours", 1), news("nobodys", 1, "third")], [NAMESPACE])
    assert (names(store), names(store, "other"), names(store, "third")) == ({"ours-1"}, {"theirs-1"}, set())


def test_says_what_has_changed() -> None:
    store = PodStore()
    first = news("p", 1)
    outcomes = [
        store.put(first),
        store.put(first),
        store.put(replace(first, version=2)),
        store.put(news("p", 3)),
    ]
    assert outcomes == [True, False, False, True]
    assert [store.remove(first), store.remove(first)] == [True, False]


def test_a_snapshot_stays_as_it_was() -> None:
    store = PodStore()
    store.put(news("p", 1))
    before = store.pods(NAMESPACE)
    store.put(news("q", 2))
    assert set(before) == {"p"}
    assert store.pods(NAMESPACE) is store.pods(NAMESPACE)


def test_a_dropped_namespace_is_empty() -> None:
    store = PodStore()
    store.put(news("p", 1))
    store.drop(NAMESPACE)
    assert store.pods(NAMESPACE) == {}
