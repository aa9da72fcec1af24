"""What is read of a metrics text: all that Prometheus' own parser reads, in linear time."""

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from poolkeeper.sources.base import SourceFailure
from poolkeeper.sources.http.metrics_text import MAX_LINE_BYTES, MAX_LINES, MetricsText, Series

BUSY = Series("busy")


def total(text: bytes, series: Series = BUSY, *, size: int = 16_384) -> float | None:
    reader = MetricsText([series])
    for start in range(0, len(text), size):
        reader.feed(text[start : start + size])
    reader.feed(b"\n")
    return reader.totals.get(series)


def escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z_]{0,7}", fullmatch=True), st.text(st.characters(codec="utf-8")), max_size=4
    ),
    st.sampled_from(["3", "0.5", "1e3", " 7 1700000000000"]),
    st.integers(1, 50),
)
def test_labels_are_read_as_prometheus_reads_them(labels: dict[str, str], value: str, size: int) -> None:
    pairs = ",".join(f'{name}="{escaped(content)}"' for name, content in labels.items())
    line = f"busy{{{pairs}}} {value}"
    ((sample,),) = (
        family.samples for family in text_string_to_metric_families(line.replace("\r", " ") + "\n")
    )
    assert total(line.encode(), Series("busy", tuple(labels.items())), size=size) == sample.value
    assert total(line.encode(), Series("busy", (("other", "x"),)), size=size) is None


@given(st.text('busy{}=,"\\ \t1#.', max_size=40))
def test_any_line_is_a_number_or_a_failure_of_the_source(rest: str) -> None:
    try:
        total(b"busy" + rest.encode())
    except SourceFailure as failure:
        assert failure.reason == "MetricsInvalid"  # noqa: PT017


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"busy 1\nbusy 2\n", 3.0),
        (b"busy 1\r\nother 2\r\n", 1.0),
        (b'busy {a="b",} 4', 4.0),
        (b'busy{a="}, busy 9"} 4 # {trace="x"} 1', 4.0),
        (b"busy_more 3\n busy 3\n# busy 3\n", None),
    ],
)
def test_lines_of_other_names_do_not_count(text: bytes, value: float | None) -> None:
    assert total(text) == value


@pytest.mark.parametrize("number", [b"-1", b"NaN", b"+Inf", b"-Inf"])
def test_what_counts_nothing_makes_the_sum_no_number(number: bytes) -> None:
    found = total(b"busy 3\nbusy " + number + b"\nbusy 5\n")
    assert found is not None
    assert not math.isfinite(found)


@pytest.mark.parametrize(
    "line",
    [
        b'busy{a="b"',
        b'busy{a="b" c="d"} 1',
        b'busy{a="b",a="c"} 1',
        b"busy",
        b"busy 1_0",
        b"busy " + b"9" * 65,
    ],
)
def test_a_wanted_line_that_can_not_be_parsed_is_a_failure(line: bytes) -> None:
    with pytest.raises(SourceFailure) as failure:
        total(line)
    assert failure.value.reason == "MetricsInvalid"


LABELS = b",".join(b'a%d="x"' % number for number in range(5_000))
"""About 55 KB: the longest line that is read."""


@pytest.mark.parametrize(
    "text",
    [
        b"busy{" + LABELS + b"} 0\n",
        b'busy{a="' + b'\\"' * 30_000 + b'"} 0\n',
        b'busy{a="' + b"\\\\" * 30_000 + b'"} 0\n',
        b"busy{" + b" " * 60_000 + b"} 0\n",
        b"busy{a" + b"a" * 60_000 + b"} 0\n",
        b"busy " + b" " * 60_000 + b"0\n",
        (b"busy{" + LABELS + b"} 0\n") * 18,
        b"busy{" + LABELS * 200 + b"} 0\n",
        b"busy 0\n" * 1_000_000,
        b"\n" * (MAX_LINES + 1),
        b"#" * (MAX_LINE_BYTES + 20_000),
        b"other 1\n" * 2_000_000,
    ],
)
def test_no_text_takes_long(text: bytes) -> None:
    began = time.process_time()
    try:
        total(text)
    except SourceFailure as failure:
        assert failure.reason in {"MetricsUnreadable", "MetricsInvalid"}  # noqa: PT017
    assert time.process_time() - began < 1.0
