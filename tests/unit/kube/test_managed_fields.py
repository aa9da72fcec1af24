"""Who set the replicas, by the entries that the API server keeps."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.api.timestamps import parse_timestamp
from poolkeeper.kube.objects.managed_fields import (
    ENTRIES_READ,
    NAME_LENGTH,
    ReplicaWriter,
    other_writer,
    replica_writers,
)

UNNOTED_NAME = "kubectl scale or another client of /scale"
REPLICAS: dict[str, Any] = {"f:spec": {"f:replicas": {}, "f:template": {}}}
EARLY, LATE = "2026-01-01T00:00:00Z", "2026-01-01T00:00:09Z"


def entry(manager: str, operation: str = "Update", at: str = EARLY, **changes: Any) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "time": at, "fieldsV1": REPLICAS, **changes}


OURS = entry("poolkeeper", subresource="scale", at=LATE)


@pytest.mark.parametrize(
    ("entries", "named"),
    [
        ([entry("kubectl-client-side-apply")], "kubectl-client-side-apply (Update)"),
        ([entry("kubectl", "Apply")], "kubectl (Apply)"),
        ([entry("kubectl", subresource="scale")], "kubectl (scale)"),
        ([entry("argocd-controller", "Apply")], "argocd-controller (Apply)"),
        # Ours is never blamed, although it is the latest.
        ([entry("helm"), OURS], "helm (Update)"),
        ([OURS], "None"),
        # An object whose replicas nobody owns: they were set through /scale.
        ([entry("helm", fieldsV1={"f:spec": {"f:template": {}}})], UNNOTED_NAME),
        ([entry("kubelet", fieldsV1={"f:status": {"f:replicas": {}}}, subresource="status")], UNNOTED_NAME),
        ([{**entry("helm"), "fieldsV1": "f:replicas"}], UNNOTED_NAME),
        # Where several agree on the number, the last one counts.
        ([entry("helm", at=LATE), entry("kubectl", "Apply")], "helm (Update)"),
        ([entry("helm"), entry("kubectl", "Apply", at=LATE)], "kubectl (Apply)"),
        # A kind of one's own keeps its replicas in another field: through /scale nothing else is set.
        ([entry("kubectl", fieldsV1={"f:spec": {"f:size": {}}}, subresource="scale")], "kubectl (scale)"),
        ([entry("")], "a client without a name (Update)"),
        ([entry("x\n\x1b[31my\u202ez")], "x[31myz (Update)"),
        ([entry("x" * 1000)], f"{'x' * NAME_LENGTH} (Update)"),
        ([entry("x", "Steal\n")], "x (Update)"),
        # Objects of another form.
        (None, "None"),
        ({}, "None"),
        (["x", 1, None, {}, entry("helm")], "helm (Update)"),
        ([{**entry("helm"), "time": 7}, entry("kubectl", at="never")], "helm (Update)"),
        ([{}] * ENTRIES_READ + [entry("helm")], UNNOTED_NAME),
        ([], "None"),
    ],
)
def test_the_last_other_owner_of_the_replicas(entries: object, named: str) -> None:
    assert str(other_writer(replica_writers({"managedFields": entries}))) == named


def test_an_entry_says_how_and_when() -> None:
    found = replica_writers({"managedFields": [entry("argo", "Apply"), OURS]})
    assert found == (
        ReplicaWriter("argo", "Apply", "", parse_timestamp(EARLY)),
        ReplicaWriter("poolkeeper", "Update", "scale", parse_timestamp(LATE)),
    )
    assert [each.is_operator for each in found] == [False, True]


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ("manager", "operation", "subresource", "time", "fieldsV1", "f:spec", "f:replicas")
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(anything)
def test_any_content_is_read(content: object) -> None:
    for writer in replica_writers({"managedFields": content}):
        assert str(writer).isprintable()
        assert len(writer.manager) <= NAME_LENGTH
