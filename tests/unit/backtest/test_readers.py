"""Every format gives the requests it describes, and every mistake in a file is named with its line."""

import gzip
import json
from pathlib import Path

import pytest

from hack.bench.policy.measures.slices import (
    AGENT_SESSIONS,
    AZURE_CODE,
    AZURE_FUNCTIONS,
    SERVEGEN,
    bundled,
    reported_half,
)
from poolkeeper.backtest.readers.formats import Reading, read_trace
from poolkeeper.backtest.traces.generators import KINDS, generate
from poolkeeper.backtest.traces.trace import Trace, TraceError


def read(folder: Path, text: str, name: str = "trace.csv", format_name: str | None = None) -> Trace:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return read_trace(path, format_name, Reading(seed=1, default_service_seconds=3.0))


@pytest.mark.parametrize("name", ["trace.csv", "trace.csv.gz"])
def test_arrivals_with_pools_and_service_times(tmp_path: Path, name: str) -> None:
    trace = read(tmp_path, "arrival_seconds,service_seconds,pool\n1,2,a\n1,,b\n4.5,0,a\n", name)
    assert [(pool.name, list(pool.arrivals), list(pool.services)) for pool in trace.pools] == [
        ("a", [0.0, 3.5], [2.0, 0.0]),
        ("b", [0.0], [3.0]),
    ]


def test_the_clock_begins_with_the_first_request_of_any_pool(tmp_path: Path) -> None:
    trace = read(tmp_path, "arrival_seconds,pool\n1700000060,a\n1700000000,b\n1700086400,b\n")
    assert [list(pool.arrivals) for pool in trace.pools] == [[60.0], [0.0, 86_400.0]]
    assert trace.ends_at == 86_400.0


def test_duplicates_are_normal(tmp_path: Path) -> None:
    assert read(tmp_path, "arrival_seconds\n5\n5\n5\n").requests == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("arrival_seconds\n", "holds no requests"),
        ("arrival_seconds\n3\n2\n", ":3: arrival 2 s comes before the previous one, 3 s"),
        ("arrival_seconds\n1\nsoon\n", ":3: arrival_seconds must be a number, got 'soon'"),
        ("arrival_seconds\n-1\n", ":2: arrival -1 s is negative"),
        ("arrival_seconds\nnan\n", ":2: arrival must be a finite number"),
        ("arrival_seconds\n1e300\n", ":2: arrival 1e+300 s is beyond"),
        ("arrival_seconds,service_seconds\n1,-2\n", ":2: service time -2 s is negative"),
        ("arrival_seconds,service_seconds\n1,2\n3\n", ":3: has 1 columns where the header has 2"),
        ("HashApp,NumInvocations\nabc,12\n", ":1: holds the invocations of a whole day, not when they came"),
        ("when,what\n1,2\n", ":1: the first line 'when,what' is of no known format"),
        (
            '{"timestamp": "x", "input_length": 1, "output_length": 2}\n',
            ":1: must be an object with the numbers",
        ),
        ('{"app": "a", "containers_per_min": [1]}\n', ":1: must be an object with app"),
        ("client,t_s,rate_per_s,dist,p1,p2\n0,0,0.01,Normal,1,1\n", ":2: dist must be Gamma or Weibull"),
        ("TIMESTAMP,ContextTokens,GeneratedTokens\nyesterday,1,2\n", ":2: TIMESTAMP must be a date and time"),
        ("trace,t_s,api_time_s\na,-3,1\n", ":2: t_s and api_time_s must be seconds"),
        ('{"status": "success", "data": {"result": 5}}', "is not the answer to a Prometheus range query"),
        ('{"status": "success", "data"', ":1: is not JSON"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TraceError) as refused:
        read(tmp_path, text)
    assert message in str(refused.value)


def test_a_file_that_is_absent_compressed_wrongly_or_binary(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="can't be read: No such file"):
        read_trace(tmp_path / "absent.csv", None, Reading())
    (tmp_path / "not.csv.gz").write_text("arrival_seconds\n1\n")
    with pytest.raises(TraceError, match="can't be read"):
        read_trace(tmp_path / "not.csv.gz", None, Reading())
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(TraceError, match="is not text"):
        read_trace(tmp_path / "binary.csv", None, Reading())


def test_a_truncated_archive_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(b"arrival_seconds\n" + b"".join(b"%d\n" % at for at in range(50_000)))
    (tmp_path / "cut.csv.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(TraceError, match="can't be read"):
        read_trace(tmp_path / "cut.csv.gz", None, Reading())


def test_azure_llm_counts_from_its_first_request(tmp_path: Path) -> None:
    text = (
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2023-11-16 18:17:03.9799600,8000,10\n2023-11-16 18:17:05.9799600,0,0\n"
    )
    (pool,) = read(tmp_path, text).pools
    assert list(pool.arrivals) == pytest.approx([0.0, 2.0])
    assert list(pool.services) == pytest.approx([1.2, 0.0])


def test_mooncake_spreads_what_came_in_one_slot(tmp_path: Path) -> None:
    rows = [{"timestamp": at, "input_length": 80, "output_length": 1} for at in (0, 0, 0, 3000, 3000)]
    trace = read(tmp_path, "".join(json.dumps(row) + "\n" for row in rows), "trace.jsonl")
    (pool,) = trace.pools
    assert [int(arrival // 3) for arrival in pool.arrivals] == [0, 0, 0, 1, 1]
    assert len(set(pool.arrivals)) == 5


def mooncake(*milliseconds: int) -> str:
    rows = [{"timestamp": at, "input_length": 80, "output_length": 1} for at in milliseconds]
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_mooncake_with_finer_timestamps_stays_in_order(tmp_path: Path) -> None:
    (pool,) = read(tmp_path, mooncake(0, 0, 0, 20, 20, 1500, 9000, 9000), "trace.jsonl").pools
    begins = [(0, 0.02), (0.02, 1.5), (1.5, 4.5), (9, 12)]
    counts = [sum(begin <= arrival < end for arrival in pool.arrivals) for begin, end in begins]
    assert counts == [3, 2, 1, 2]


def test_mooncake_out_of_order_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r":3: arrival 3 s comes before the previous one, 6 s"):
        read(tmp_path, mooncake(0, 6000, 3000, 9000), "trace.jsonl")


def test_azure_functions_deals_all_invocations_to_the_minutes_that_needed_containers(tmp_path: Path) -> None:
    application = {"app": "f" * 64, "num_invocations_day1": 90, "containers_per_min": [0, 2, 0, 1]}
    (pool,) = read(tmp_path, json.dumps(application) + "\n", "trace.jsonl").pools
    minutes = [int(arrival // 60) for arrival in pool.arrivals]
    assert (minutes.count(1), minutes.count(3), len(minutes)) == (60, 30, 90)


def test_servegen_gives_every_window_its_rate(tmp_path: Path) -> None:
    rows = "7,0,0.01,Gamma,1,100\n7,6000,0.005,Weibull,1,100\n8,0,90,Gamma,1,1\n"
    trace = read(tmp_path, "client,t_s,rate_per_s,dist,p1,p2\n" + rows)
    (pool,) = trace.pools
    assert pool.name == "client-7"
    assert trace.notes[0].startswith(
        "1 of 2 clients are left out, with 54000 of 54009 requests: they call more"
    )
    assert [arrival < 600 for arrival in pool.arrivals] == [True] * 6 + [False] * 3
    assert all(6000 <= arrival <= 6600 for arrival in pool.arrivals[6:])


def test_prometheus_series_become_pools_with_their_rates(tmp_path: Path) -> None:
    values = [[1_700_000_000 + 60 * step, "0.5" if step < 50 else "NaN"] for step in range(101)]
    answer = {
        "status": "success",
        "data": {"resultType": "matrix", "result": [{"metric": {"model": "chat"}, "values": values}]},
    }
    (pool,) = read(tmp_path, json.dumps(answer), "rate.json").pools
    assert pool.name == "model=chat"
    assert 1300 < len(pool) < 1700
    assert max(pool.arrivals) < 50 * 60


def test_the_bundled_slices_are_what_their_note_says() -> None:
    sizes = {
        name: (len(trace.pools), trace.requests)
        for name in (AGENT_SESSIONS, AZURE_CODE, AZURE_FUNCTIONS, SERVEGEN)
        for trace in [bundled(name)]
    }
    assert sizes[AZURE_CODE] == (1, 8819)
    assert sizes[AZURE_FUNCTIONS] == (100, 328_103)
    assert sizes[AGENT_SESSIONS][0] == 24
    assert sizes[SERVEGEN][0] >= 20


@pytest.mark.parametrize("name", [AGENT_SESSIONS, AZURE_CODE])
def test_the_reported_half_is_every_second_pool_or_the_second_half_of_the_time(name: str) -> None:
    trace = bundled(name)
    half = reported_half(trace)
    if len(trace.pools) > 1:
        assert half.pools == trace.pools[1::2]
        return
    (whole,), (pool,) = trace.pools, half.pools
    later = [at for at in whole.arrivals if at >= (whole.arrivals[0] + whole.arrivals[-1]) / 2]
    assert list(pool.arrivals) == pytest.approx([at - later[0] for at in later])
    assert pool.services == whole.services[-len(later) :]


@pytest.mark.parametrize("kind", KINDS)
def test_a_generator_follows_its_seed_and_nearly_its_rate(kind: str) -> None:
    text = f"generate:{kind},rate=60,hours=200"
    trace = generate(text, 3)
    assert trace == generate(text, 3)
    assert trace != generate(text, 4)
    assert 0.2 * 12_000 < trace.requests < 2 * 12_000


def test_working_hours_are_those_of_weekdays() -> None:
    (pool,) = generate("generate:working-hours,rate=20,hours=336", 1).pools
    times = [divmod(at, 86_400) for at in pool.arrivals]
    assert {day % 7 for day, _ in times} == {0, 1, 2, 3, 4}
    assert 8 * 3600 < min(second for _, second in times) < 9.5 * 3600
    assert 16.5 * 3600 < max(second for _, second in times) < 17 * 3600


@pytest.mark.parametrize(
    "text",
    [
        "generate:nothing",
        "generate:poisson,rate=x",
        "generate:poisson,speed=3",
        "generate:poisson,pools=1e9,rate=0.000001",
        "generate:poisson,pools=2.5",
        "generate:on-off,hours=1e9,rate=0.000001",
    ],
)
def test_a_generator_that_is_not_known_or_would_never_end_is_refused(text: str) -> None:
    with pytest.raises(TraceError):
        generate(text, 0)
