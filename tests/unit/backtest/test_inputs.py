"""Logs and metrics as people have them are read as they are, and a note says how they were understood."""

import gzip
import io
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from poolkeeper.backtest.command import main
from poolkeeper.backtest.readers.formats import Reading, read_trace
from poolkeeper.backtest.readers.source import Source
from poolkeeper.backtest.traces import trace as traces
from poolkeeper.backtest.traces.trace import Trace, TraceError

HOUR = 3600


def read(folder: Path, content: str | bytes, name: str = "log.csv") -> Trace:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_trace(path, None, Reading(seed=1, default_service_seconds=3.0))


def matrix(*series: Sequence[tuple[float, str]], **labels: str) -> str:
    """The answer to a range query."""
    result = [
        {"metric": labels | {"model": f"m{number}"}, "values": values} for number, values in enumerate(series)
    ]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}})


def every(step: int, values: Sequence[float], begin: float = 1_700_000_000) -> list[tuple[float, str]]:
    return [(begin + step * place, str(value)) for place, value in enumerate(values)]


@pytest.mark.parametrize(
    ("instants", "unit"),
    [
        (["2026-11-30T19:35:08Z", "2026-11-30T19:35:10.5Z"], "dates"),
        (["2026-11-30T19:35:08.1234567Z", "2026-11-30T19:35:10.6234567Z"], "dates"),
        (["2026-11-30T23:59:59+01:00", "2026-11-30T23:00:01.5+00:00"], "dates"),
        (["2026-11-30 19:35:08", "2026-11-30 19:35:10.500"], "dates without an offset, taken as UTC"),
        (["2026-11-30 19:35:08 UTC", "2026-11-30 19:35:10.5 UTC"], "dates"),
        (["20261130T193508Z", "20261130T193510.5Z"], "dates"),
        (["1796067308", "1796067310.5"], "s since 1970"),
        (["1796067308000", "1796067310500"], "ms since 1970"),
        (["1796067308000000", "1796067310500000"], "µs since 1970"),
        (["1796067308000000000", "1796067310500000000"], "ns since 1970"),
        (["1.796067308e12", "1.7960673105e12"], "ms since 1970"),
        (["0", "2.5"], "s"),
    ],
)
def test_instants_are_dates_or_numbers_whose_unit_their_size_shows(
    tmp_path: Path, instants: list[str], unit: str
) -> None:
    trace = read(tmp_path, "timestamp\n" + "\n".join(instants) + "\n")
    (pool,) = trace.pools
    assert list(pool.arrivals) == pytest.approx([0.0, 2.5], abs=1e-5)
    assert f"arrivals are the column 'timestamp' ({unit})" in trace.notes[0]


@pytest.mark.parametrize(
    "header",
    [
        *("timestamp,duration,model", "time,latency_s,pool", "ts,elapsed_seconds,service"),
        *("arrived_at,duration,deployment", "Timestamp,Duration (s),Model Name", "@timestamp,took,app"),
        *("createdAt,processingTime,modelName", '"arrival","service_seconds","pool"'),
    ],
)
def test_columns_have_the_names_that_people_use(tmp_path: Path, header: str) -> None:
    (a, b) = read(tmp_path, f"{header}\n100,2,a\n101,,b\n103,0.5,a\n").pools
    assert (a.name, list(a.arrivals), list(a.services)) == ("a", [0.0, 3.0], [2.0, 0.5])
    assert (b.name, list(b.arrivals), list(b.services)) == ("b", [1.0], [3.0])


@pytest.mark.parametrize(
    ("column", "seconds"),
    [
        ("latency_ms", 0.25),
        ("durationMs", 0.25),
        ("took_us", 2.5e-4),
        ("elapsed_ns", 2.5e-7),
        ("took", 250.0),
    ],
)
def test_the_name_of_a_column_ends_with_its_unit(tmp_path: Path, column: str, seconds: float) -> None:
    trace = read(tmp_path, f"time_ms,{column},user\n0,250,x\n500,250,y\n")
    (pool,) = trace.pools
    assert list(pool.arrivals) == [0.0, 0.5]
    assert list(pool.services) == pytest.approx([seconds] * 2)


def test_the_plain_form_needs_no_note_and_any_other_has_one(tmp_path: Path) -> None:
    assert read(tmp_path, "arrival_seconds,pool\n1700000000,a\n").notes == ()
    assert read(tmp_path, "arrival_seconds,pool\n1700000000000,a\n").notes != ()
    assert read(tmp_path, "ts,latency,model,user\n1700000000000,2,a,x\n").notes == (
        "arrivals are the column 'ts' (ms since 1970); "
        "service times are the column 'latency' (s, since its name ends with no unit such as _ms); "
        "pools are the column 'model'",
    )
    assert read(tmp_path, "ts\n1700000000\n").notes == (
        "arrivals are the column 'ts' (s since 1970); no column has service times: each request takes 3 s "
        "(--service-seconds); all requests are for one pool",
    )


@pytest.mark.parametrize(
    "content",
    [
        "timestamp;duration;model\n0,5;1,25;a, b\n2;3;a, b\n",
        "timestamp\tduration\tmodel\n0.5\t1.25\ta, b\n2\t3\ta, b\n",
        'timestamp,duration,model\r\n"0.5","1.25","a, b"\r\n"2","3","a, b"\r\n',
        '\ufeff"timestamp";"duration";"model"\r\n"0,5";"1,25";"a, b"\r\n"2";"3";"a, b"\r\n',
        '\n\ntimestamp,duration,model,"why, and when"\n\n0.5,1.25,"a, b","two\nlines"\n2,3,"a, b",\n\n',
    ],
    ids=["semicolons and decimal commas", "tabs", "quotes", "as Excel writes it", "lines in quotes"],
)
def test_separators_quotes_and_decimal_commas(tmp_path: Path, content: str) -> None:
    (pool,) = read(tmp_path, content).pools
    assert (pool.name, list(pool.arrivals), list(pool.services)) == ("a, b", [0.0, 1.5], [1.25, 3.0])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("timestamp,took\n17:03,1\n", ":2: timestamp must be a date and time such as 2026-11-30T19:35:08Z"),
        ("timestamp\n1700000000\n\nsoon\n", ":4: timestamp must be a number, got 'soon'"),
        ("ts\n2026-11-30\n5\n", ":3: ts must be a date and time such as"),
        ("ts\n1700000000000\n1700000001\n",
         ":3: ts 1700000001 counts s since 1970, but the one in line 2 counts ms since 1970; write all"),
        ("ts,took\n1,2,5\n", ":2: has 3 columns where the header has 2; put names that contain ',' in"),
        ("ts,took_ms\n1,fast\n", ":2: took_ms must be a number, got 'fast'"),
        ("1700000000,5\n", ":1: the first line '1700000000,5' is of no known format; a trace is a CSV"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_and_what_to_write(
    tmp_path: Path, content: str, message: str
) -> None:
    with pytest.raises(TraceError) as refused:
        read(tmp_path, content)
    assert f"log.csv{message}" in str(refused.value)


def test_a_compressed_file_needs_no_name_that_says_so(tmp_path: Path) -> None:
    assert read(tmp_path, gzip.compress(b"ts\n1\n2\n")).requests == 2


def test_a_trace_that_memory_would_not_hold_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traces, "MOST_REQUESTS", 3)
    with pytest.raises(
        TraceError, match=r"log.csv:5: holds more than 3 requests, too many .* cut it to a short"
    ):
        read(tmp_path, "ts\n1\n2\n3\n4\n5\n")


def test_a_counter_is_recognised_and_its_rises_are_requests(tmp_path: Path) -> None:
    """It restarts once, and shows 3 requests since. The counter of the other model stands still."""
    values = [5, 15, 15, 40, 3, 10, 11, 12]
    trace = read(tmp_path, matrix(every(60, values), every(60, [7] * 8)), "up.json")
    (pool,) = trace.pools
    assert [int(at // 60) for at in pool.arrivals] == [0] * 10 + [2] * 25 + [3] * 3 + [4] * 7 + [5, 6]
    (note,) = trace.notes
    assert note.startswith("the values are a counter, which restarts once: its rises are requests")


def test_the_name_of_a_counter_shows_it_too(tmp_path: Path) -> None:
    values = every(60, [1_000_000, 1_000_002])
    assert read(tmp_path, matrix(values, __name__="requests_total"), "up.json").requests == 2
    with pytest.raises(
        TraceError, match=r"holds more than 20,000,000 requests.*if the values are a counter, query"
    ):
        read(tmp_path, matrix(values), "up.json")


def test_a_sum_that_loses_one_of_its_counters_invents_no_requests(tmp_path: Path) -> None:
    sums = [1000 + 10 * step for step in range(20)] + [600 + 10 * step for step in range(20)]
    trace = read(tmp_path, matrix(every(60, sums)), "sum.json")
    assert trace.requests == 2 * 19 * 10
    assert "falls once to a value that is no restart" in trace.notes[1]


@pytest.mark.parametrize(
    "values", [[0.5, 0.75, 1, 1.25, 2], [3, 1, 2, 0, 4, 1], [2, 2, 2, 2]], ids=["rising", "whole", "constant"]
)
def test_rates_are_no_counter(tmp_path: Path, values: list[float]) -> None:
    trace = read(tmp_path, matrix(every(600, values)), "rate.json")
    assert trace.requests == pytest.approx(600 * sum(values[:-1]), rel=0.1)
    assert trace.notes == ("the values are taken as rates, in requests per second",)


@pytest.mark.parametrize(
    "values", [[0.5] * 121, [float(7 * step) for step in range(121)]], ids=["rates", "counter"]
)
def test_nothing_is_assumed_in_a_hole(tmp_path: Path, values: list[float]) -> None:
    """An hour of samples, ten hours without any, another hour."""
    samples = every(60, values[:61]) + every(60, values[61:], begin=1_700_000_000 + 11 * HOUR)
    trace = read(tmp_path, matrix(samples), "hole.json")
    (pool,) = trace.pools
    assert not [at for at in pool.arrivals if HOUR < at < 11 * HOUR]
    assert len([at for at in pool.arrivals if at < HOUR]) == pytest.approx(
        420 if values[1] == 7 else 1800, rel=0.1
    )
    assert trace.notes[-1] == (
        "1 hole of 10.0 h together, the longest of 10.0 h from 2023-11-14T23:13:20Z in model=m0: "
        "no requests are assumed there"
    )


def test_a_few_samples_may_be_missing(tmp_path: Path) -> None:
    samples = [sample for place, sample in enumerate(every(60, [1.5] * 100)) if place % 10 not in (4, 5)]
    trace = read(tmp_path, matrix(samples), "rate.json")
    assert trace.requests == pytest.approx(1.5 * 60 * 99, rel=0.05)
    assert len(trace.notes) == 1


def test_nan_is_no_value(tmp_path: Path) -> None:
    """As 0/0 gives it. A counter's rise over a NaN is known, a rate is not."""
    rates = [
        (at, "NaN" if 20 <= place < 40 else text) for place, (at, text) in enumerate(every(60, [1.5] * 60))
    ]
    trace = read(tmp_path, matrix(rates), "rate.json")
    assert not [at for pool in trace.pools for at in pool.arrivals if 20 * 60 < at < 40 * 60]
    assert "20 holes of 20.0 min together" in trace.notes[-1]
    counter = [*every(60, [1, 2, 3]), (1_700_000_180, "NaN"), *every(60, [5, 9], begin=1_700_000_240)]
    assert read(tmp_path, matrix(counter), "up.json").requests == 8


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ('{"status":"error","errorType":"bad_data","error":"parameter \\"query\\": parse error"}',
         'holds an error of Prometheus instead of values: bad_data: parameter "query": parse error'),
        ('{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"2"]}]}}',
         "is the answer to an instant query (vector); take the answer of /api/v1/query_range"),
        ('{"status":"success","data":{"resultType":"matrix","result":[]}}', "holds no series"),
        ('{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"histograms":[]}]}}',
         "holds native histograms; query histogram_count("),
        ('{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"2"],[99999,"2"]]}]}}',
         "no two values are within 3 h of each other; query with a step of a few minutes"),
        ('{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[[1,"-2"]]}]}}',
         "a request rate must be finite and not negative, got -2 at 1 in a=b"),
        ('<html>502 Bad Gateway</html>', ":1: is not JSON"),
    ],
)  # fmt: skip
def test_an_answer_of_prometheus_without_values_says_what_to_do(
    tmp_path: Path, answer: str, message: str
) -> None:
    (tmp_path / "answer.json").write_text(answer)
    with pytest.raises(TraceError) as refused:
        read_trace(tmp_path / "answer.json", "prometheus", Reading())
    assert message in str(refused.value)


@pytest.mark.parametrize(
    "content",
    [
        '"Time","{model=""a""}","{model=""b""}"\n'
        + "".join(f"2026-11-30 10:{minute:02}:00,0.5,\n" for minute in range(60)),
        "Time;sum(rate(requests_total[1m]))\n"
        + "".join(f"{1796067308000 + 60_000 * minute};0,5\n" for minute in range(60)),
        "timestamp,job,instance,value\n"
        + "".join(f"{1796067308 + 60 * minute},vllm,10.0.0.1:8000,0.5\n" for minute in range(60)),
        json.dumps(json.loads(matrix(every(60, [0.5] * 60))), indent=2),
    ],
    ids=["Grafana", "Grafana with semicolons", "promtool and scripts", "indented JSON"],
)
def test_series_come_as_json_and_as_csv(tmp_path: Path, content: str) -> None:
    trace = read(tmp_path, content)
    (pool,) = trace.pools
    assert len(pool) == pytest.approx(0.5 * 59 * 60, rel=0.1)
    assert pool.name in (
        '{model="a"}',
        "sum(rate(requests_total[1m]))",
        "job=vllm,instance=10.0.0.1:8000",
        "model=m0",
    )


def test_a_bar_follows_the_reading_of_a_file(tmp_path: Path) -> None:
    class Watched(io.BytesIO):
        reads = 0

        def readinto(self, buffer: Any) -> int:
            Watched.reads += 1
            return super().readinto(buffer)

    path = tmp_path / "log.csv"
    path.write_text("ts\n1\n")
    seen: list[tuple[int, str]] = []

    def watch(file: Any, size: int, name: str) -> Any:
        seen.append((size, name))
        return Watched(file.read())

    assert read_trace(path, None, Reading(watch=watch)).requests == 1
    assert (seen, Watched.reads > 0) == ([(5, "log.csv")], True)


COMMAND = (sys.executable, "-m", "poolkeeper", "backtest", "--start-time", "constant:9", "--budget", "20")


def test_standard_input_is_a_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content = gzip.compress(b"ts\n1\n2\n")
    done = subprocess.run(
        [*COMMAND, "--trace", "-", "--policy", "always-on", "--json", "-"], input=content, capture_output=True
    )
    (row,) = json.loads(done.stdout)
    assert (row["trace"], row["requests"]) == ("standard input", 2)
    done = subprocess.run([*COMMAND, "--trace", "-"], input=b"ts\nx\n", capture_output=True, text=False)
    assert b"poolkeeper backtest: standard input:2: ts must be a date and time" in done.stderr
    assert main([*COMMAND[4:], "--trace", "-", "--trace", "-"]) == 2
    assert "--trace - can be given once" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", type("Terminal", (), {"isatty": staticmethod(lambda: True)}))
    with pytest.raises(TraceError, match="standard input is a terminal; pipe a trace into it"):
        Source(Path("-"))


@pytest.mark.parametrize("more", [[], ["--json", "-"]], ids=["table", "JSON"])
def test_output_that_nothing_reads_ends_the_command_without_a_traceback(
    tmp_path: Path, more: list[str]
) -> None:
    """As `| head -0` does. The status is that of a tool which SIGPIPE ended."""
    path = tmp_path / "log.csv"
    path.write_text("ts\n1\n2\n")
    running = subprocess.Popen(
        [*COMMAND, "--trace", str(path), *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    running.stdout.close()
    assert running.stderr is not None
    said = running.stderr.read()
    running.stderr.close()
    assert (running.wait(), [line for line in said.splitlines() if "arrivals are" not in line]) == (141, [])


@pytest.mark.parametrize("library", ["numpy", "scipy", "rich", "matplotlib"])
def test_a_missing_extra_is_named_with_the_command_that_installs_it(tmp_path: Path, library: str) -> None:
    program = (
        f"import sys; sys.modules[{library!r}] = None\n"
        "from poolkeeper.cli import main\n"
        f"sys.exit(main({[*COMMAND[3:], '--trace', 'no file is read', '--html', str(tmp_path / 'report')]}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == f"poolkeeper backtest needs {library}: pip install 'poolkeeper[backtest]'\n"
