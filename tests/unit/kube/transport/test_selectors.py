"""Which labels a selector's text means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.kube.transport.selectors import InvalidSelector, parse_selector

LABELS = {"app": "worker", "tier": "gpu", "example.com/role": "", "n": "1"}

MATCHING = [
    "app=worker",
    "app==worker",
    "app=worker,tier=gpu",
    " app = worker , tier = gpu ",
    "app!=web",
    "absent!=web",
    "app in (web,worker)",
    "app in ( web , worker )",
    "app notin (web)",
    "absent notin (web)",
    "app",
    "!absent",
    "! absent",
    "example.com/role=",
    "example.com/role",
    "n=1,app in (worker),!absent,tier!=cpu",
]
OTHERS = [
    "",
    "   ",
    "app=web",
    "app=worker,tier=cpu",
    "app!=worker",
    "app in (web)",
    "app in ()",
    "absent in (web)",
    "app notin (worker,web)",
    "absent",
    "!app",
    "app=",
]
INVALID = [
    "app=worker,,tier=gpu",
    "=worker",
    "app in worker",
    "app=a b",
    "!app=worker",
    "app>1",
    "(a)",
    "ä=b",
]


@pytest.mark.parametrize("text", MATCHING)
def test_matches(text: str) -> None:
    assert parse_selector(text).matches(LABELS)


@pytest.mark.parametrize("text", OTHERS)
def test_does_not_match(text: str) -> None:
    assert not parse_selector(text).matches(LABELS)


@pytest.mark.parametrize("text", INVALID)
def test_refuses_what_is_no_selector(text: str) -> None:
    with pytest.raises(InvalidSelector, match="not a label selector"):
        parse_selector(text)


KEYS = st.from_regex(r"[a-z]([-a-z0-9]{0,8}[a-z0-9])?", fullmatch=True)
LABEL_SETS = st.dictionaries(KEYS, KEYS, min_size=1, max_size=4)


@given(labels=LABEL_SETS, more=LABEL_SETS)
def test_labels_match_their_own_selector_whatever_else_there_is(
    labels: dict[str, str], more: dict[str, str]
) -> None:
    text = ",".join(f"{key}={value}" for key, value in labels.items())
    assert parse_selector(text).matches({**more, **labels})


@given(labels=LABEL_SETS, text=st.text(max_size=30))
def test_any_text_is_a_selector_or_refused(labels: dict[str, str], text: str) -> None:
    try:
        selector = parse_selector(text)
    except InvalidSelector:
        return
    assert selector.matches(labels) in (True, False)
