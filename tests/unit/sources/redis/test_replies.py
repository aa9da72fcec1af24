"""What is read of Redis' replies: all that Redis answers, and nothing that a hostile server only claims."""

import pytest
from hiredis import Reader, ReplyError
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.sources.base import ReplyTooLarge, SourceFailure
from poolkeeper.sources.redis import replies
from poolkeeper.sources.redis.replies import INCOMPLETE, KEPT_BULK_BYTES, ReplyReader

line = st.binary(max_size=30).map(lambda text: text.replace(b"\r", b"").replace(b"\n", b""))
simple = st.one_of(
    st.integers(-(2**63), 2**63 - 1).map(lambda number: b":%d\r\n" % number),
    line.map(lambda text: b"+" + text + b"\r\n"),
    st.binary(max_size=50).map(lambda text: b"$%d\r\n%s\r\n" % (len(text), text)),
    st.sampled_from([b"$-1\r\n", b"*-1\r\n", b"*0\r\n"]),
)


def array(of: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.lists(of, max_size=4).map(lambda parts: b"*%d\r\n" % len(parts) + b"".join(parts))


reply = st.one_of(simple, array(st.one_of(simple, array(st.one_of(simple, array(simple))))))


@pytest.fixture
def reader() -> ReplyReader:
    return ReplyReader()


def read(reader: ReplyReader, *pieces: bytes) -> list[object]:
    found = []
    try:
        for piece in pieces:
            reader.feed(piece)
            while (value := reader.gets()) is not INCOMPLETE:
                found.append(value)
    finally:
        reader.release()
    return found


@given(st.lists(reply, max_size=5), st.integers(1, 40))
def test_however_a_reply_arrives_it_means_what_hiredis_says(sent: list[bytes], size: int) -> None:
    stream = b"".join(sent)
    known = Reader()
    known.feed(stream)
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    assert read(ReplyReader(), *pieces) == [known.gets() for _ in sent]


@given(st.binary(max_size=200))
def test_no_bytes_end_in_another_error_than_a_failure_of_the_source(sent: bytes) -> None:
    try:
        read(ReplyReader(), sent)
    except SourceFailure as failure:
        assert failure.reason in {"NotRedis", "ReplyTooLarge"}  # noqa: PT017


def test_an_error_is_a_value_of_limited_length(reader: ReplyReader) -> None:
    (error,) = read(reader, b"-ERR " + b"x" * 10_000 + b"\r\n")
    assert isinstance(error, ReplyError)
    assert len(str(error)) < 2_000


@pytest.mark.parametrize(
    "claim", [b"*1000000000\r\n", b"*2147483647\r\n", b"*100000\r\n", b"$67108865\r\n", b"$9999999999\r\n"]
)
def test_a_length_that_is_only_claimed_is_refused_at_once(reader: ReplyReader, claim: bytes) -> None:
    with pytest.raises(ReplyTooLarge):
        read(reader, claim)


@pytest.mark.parametrize(
    "other",
    [
        b">3\r\n",
        b"%1\r\n",
        b"~1\r\n",
        b"|1\r\n",
        b"(1\r\n",
        b"$?\r\n",
        b"*?\r\n",
        b"*-2\r\n",
        b":1_0\r\n",
        b"*1\r\n" * 5,
    ],
)
def test_what_no_command_of_ours_is_answered_with_is_not_redis(reader: ReplyReader, other: bytes) -> None:
    with pytest.raises(SourceFailure) as failure:
        read(reader, other)
    assert failure.value.reason == "NotRedis"


def test_a_line_without_an_end_is_not_redis(reader: ReplyReader) -> None:
    with pytest.raises(SourceFailure) as failure:
        read(reader, *[b"+" + b"x" * 9_999] * 8)
    assert failure.value.reason == "NotRedis"


def test_a_long_string_is_replaced_by_what_changes_with_it(reader: ReplyReader) -> None:
    def sent(content: bytes) -> bytes:
        return b"$%d\r\n%s\r\n" % (len(content), content)

    body = b"x" * (KEPT_BULK_BYTES + 1)
    kept, other = body[:-1], body[:-1] + b"y"
    first, again, third, short = read(reader, *(sent(each) for each in (body, body, other, kept)))
    assert first == again != third
    assert isinstance(first, bytes)
    assert len(first) <= 64
    assert short == kept


def test_a_small_batch_is_read_while_others_use_up_the_memory_for_all(
    reader: ReplyReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replies, "MAX_KEPT_BYTES_OF_ALL", 1_000_000)
    greedy = ReplyReader()
    greedy.feed(b"*9000\r\n")
    greedy.gets()
    assert read(reader, b"*2\r\n:1\r\n:2\r\n") == [[1, 2]]
    with pytest.raises(ReplyTooLarge):
        read(reader, b"*2000\r\n")
    reader.release()
    greedy.release()
    assert read(reader, b"*1\r\n:1\r\n", b"*2000\r\n" + b":1\r\n" * 2000) == [[1], [1] * 2000]
