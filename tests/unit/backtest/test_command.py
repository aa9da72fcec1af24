"""`poolkeeper backtest` keeps the interface that other people's scripts use."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from poolkeeper.backtest.command import main
from poolkeeper.backtest.reporting.prices import dollars_per_hour

FIELDS = {
    *("trace", "policy", "parameters", "pools", "requests", "accelerator_hours", "busy_hours", "dollars"),
    *("optimum_hours", "optimum_kind", "ratio_to_optimum"),
    *("breaks", "breaks_percent", "avoidable_breaks_percent", "unavoidable_breaks_percent", "lost"),
    *("wait_p50_seconds", "wait_p95_seconds", "wait_p99_seconds"),
    *("cold_starts", "scale_actions", "max_replicas", "version"),
}
NAMES = (
    *("poolkeeper", "keda", "keda-http", "knative", "hpa", "kubeai", "wva", "keepalive", "always-on"),
    *("fixed:idle=300", "static:idle=60,delay=20", "ski-rental", "hybrid-histogram", "optimum"),
    *("informed", "hindsight", "hindsight:late=0.5", "tuned:keda", "tuned:fixed:late=0.5"),
)


@pytest.fixture
def trace(tmp_path: Path) -> str:
    path = tmp_path / "trace.csv"
    rows = "".join(f"{700 * number},5,{'ab'[number % 2]}\n" for number in range(40))
    path.write_text("arrival_seconds,service_seconds,pool\n" + rows)
    return str(path)


def flags(trace: str, *more: str) -> list[str]:
    return ["--trace", trace, "--start-time", "constant:90", "--budget", "120", *more]


def test_json_has_every_policy_and_every_field(trace: str, capsys: pytest.CaptureFixture[str]) -> None:
    policies = [word for name in NAMES for word in ("--policy", name)]
    assert main(flags(trace, *policies, "--class", "nvidia-l4", "--json", "-")) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["policy"] for row in rows] == list(NAMES)
    assert all(set(row) == FIELDS for row in rows)
    assert {(row["pools"], row["requests"], row["optimum_kind"]) for row in rows} == {(2, 40, "exact")}
    assert all(
        row["breaks_percent"] - row["avoidable_breaks_percent"] == row["unavoidable_breaks_percent"]
        for row in rows
    )
    assert all(row["accelerator_hours"] >= row["optimum_hours"] - 1e-9 for row in rows)
    assert all(row["dollars"] > 0 for row in rows)


def test_pools_are_scaled_on_their_own_and_summed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def hours(rows: str) -> float:
        path = tmp_path / "trace.csv"
        path.write_text("arrival_seconds,service_seconds,pool\n" + rows)
        assert main(flags(str(path), "--policy", "fixed:idle=0", "--json", "-")) == 0
        found: float = json.loads(capsys.readouterr().out)[0]["accelerator_hours"]
        return found

    assert hours("10,5,a\n11,5,b\n") == pytest.approx(hours("10,5,a\n") + hours("11,5,b\n"), rel=0.01)


def test_dollars_count_every_chip_of_a_replica_and_hours_count_replicas(
    trace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def row(*more: str) -> dict[str, Any]:
        words = flags(trace, "--policy", "keda", "--class", "nvidia-l4", *more, "--json", "-")
        assert main(words) == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out)[0]
        return found

    one, eight = row(), row("--chips-per-replica", "8")
    assert one["dollars"] == pytest.approx(one["accelerator_hours"] * dollars_per_hour("nvidia-l4", 1))
    assert eight["dollars"] == pytest.approx(8 * one["dollars"])
    assert eight["accelerator_hours"] == one["accelerator_hours"]
    assert (one["parameters"]["chips_per_replica"], eight["parameters"]["chips_per_replica"]) == (1, 8)


def test_what_poolkeeper_is_told_of_draining_is_a_flag(
    trace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    drains = []
    for more in ([], ["--drains"], ["--no-drains"]):
        assert main(flags(trace, "--policy", "poolkeeper", *more, "--json", "-")) == 0
        drains.append(json.loads(capsys.readouterr().out)[0]["parameters"]["drains"])
    assert drains == [True, True, False]


def test_work_that_does_not_drain_is_shown_as_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("arrival_seconds,service_seconds\n0,1800\n10000,5\n")
    policies = ["--policy", "poolkeeper", "--policy", "keda", "--policy", "optimum"]
    assert main(flags(str(path), *policies, "--no-drains", "--json", "-")) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["lost"], row["breaks"]) for row in rows] == [(0, 0), (1, 1), (0, 0)]
    assert main(flags(str(path), *policies, "--no-drains")) == 0
    assert "lost: stopped with their replica" in " ".join(capsys.readouterr().out.split())
    assert main(flags(str(path), *policies)) == 0
    assert "lost" not in capsys.readouterr().out


def test_a_tuned_peer_is_shown_with_its_settings(trace: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = flags(trace, "--policy", "poolkeeper", "--policy", "tuned:fixed")
    assert main([*words, "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)[1]["parameters"]["tuned_to"]
    assert main(words) == 0
    assert f"tuned:fixed is {found}" in capsys.readouterr().out


def test_the_declared_service_time_decides_how_many_replicas_the_first_burst_gets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "burst.csv"
    path.write_text("arrival_seconds,service_seconds\n" + "0,1\n" * 24)
    found = []
    for more in ([], ["--expected-service", "1"]):
        words = flags(str(path), "--policy", "poolkeeper", "--max-replicas", "24", *more, "--json", "-")
        assert main(words) == 0
        row = json.loads(capsys.readouterr().out)[0]
        found.append((row["parameters"]["expected_service_seconds"], row["max_replicas"]))
    (undeclared, many), (declared, few) = found
    assert (undeclared, declared) == (None, 1.0)
    assert few < many


@pytest.mark.parametrize(
    ("more", "hours"),
    [
        (["--policy", "always-on"], 48),
        (["--policy", "always-on", "--max-replicas", "2"], 96),
        (["--policy", "keda", "--min-replicas", "1"], 48),
        (["--policy", "poolkeeper", "--min-replicas", "1"], 48),
        (["--policy", "knative", "--min-replicas", "1"], 48),
        (["--policy", "optimum", "--min-replicas", "1"], 48),
        (["--policy", "fixed:idle=1000"], 24 + 2 * 0.3),
    ],
)
def test_a_pool_that_falls_quiet_is_paid_for_until_the_trace_ends(
    tmp_path: Path, more: list[str], hours: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """One pool is called for a minute, the other for a day, with work for half of it."""
    path = tmp_path / "trace.csv"
    quiet = "".join(f"{at},0,quiet\n" for at in range(0, 61, 10))
    called = "".join(f"{at},300,called\n" for at in range(0, 86_401, 600))
    path.write_text("arrival_seconds,service_seconds,pool\n" + quiet + called)
    assert main(flags(str(path), *more, "--json", "-")) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["accelerator_hours"] == pytest.approx(hours, rel=0.02)


def test_traces_with_one_base_name_have_a_table_and_a_longer_name_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [tmp_path / folder / "trace.csv" for folder in ("a/monday", "a/tuesday", "b/tuesday")]
    for requests, path in enumerate([*paths, tmp_path / "other.csv"], start=1):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("arrival_seconds\n" + "7\n" * requests)
    traces = [word for path in (*paths, tmp_path / "other.csv") for word in ("--trace", str(path))]
    words = [*traces, "--start-time", "constant:9", "--budget", "20", "--policy", "always-on"]
    assert main([*words, "--json", "-"]) == 0
    rows = json.loads(capsys.readouterr().out)
    names = ["monday/trace.csv", "a/tuesday/trace.csv", "b/tuesday/trace.csv", "other.csv"]
    assert [(row["trace"], row["requests"]) for row in rows] == list(zip(names, (1, 2, 3, 4), strict=True))
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert all(f"{name}: {number} request" in printed for number, name in enumerate(names, start=1))


def test_a_trace_given_twice_has_two_tables(trace: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*flags(trace, "--trace", trace, "--policy", "always-on")]) == 0
    assert capsys.readouterr().out.count("trace.csv: 40 requests") == 2


def test_the_same_seed_gives_the_same_bytes_from_any_number_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("poolkeeper.backtest.comparison.WORTH_A_PROCESS", 0)
    written = []
    for processes in ("1", "1", "2"):
        path = tmp_path / "rows.json"
        policies = [
            word for name in ("poolkeeper", "optimum", "informed", "hindsight") for word in ("--policy", name)
        ]
        words = [
            *("--trace", "generate:poisson,rate=9,hours=9,service=3,pools=3"),
            *("--start-time", "lognormal:60,0.4", "--budget", "150", "--seed", "7"),
            *("--pools", "--processes", processes, "--json", str(path)),
        ]
        assert main([*words, *policies]) == 0
        written.append(path.read_bytes())
    assert written[0] == written[1] == written[2]


def test_hindsight_is_as_late_as_poolkeeper_in_the_same_table_or_as_it_is_asked_to_be(
    trace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def rows(*policies: str) -> dict[str, dict[str, Any]]:
        words = [word for name in policies for word in ("--policy", name)]
        words += ["--objective", "90", "--json", "-"]
        assert main(["--trace", trace, "--start-time", "constant:90", "--budget", "30", *words]) == 0
        return {row["policy"]: row for row in json.loads(capsys.readouterr().out)}

    beside = rows("hindsight", "hindsight:late=50", "poolkeeper")
    assert beside["hindsight"]["breaks"] == beside["poolkeeper"]["breaks"]
    assert beside["hindsight"]["accelerator_hours"] <= beside["poolkeeper"]["accelerator_hours"]
    assert beside["hindsight:late=50"]["breaks_percent"] == pytest.approx(50)
    assert rows("hindsight")["hindsight"]["breaks_percent"] == pytest.approx(10), "as the objective allows"


def test_pools_are_shown_on_their_own_those_first_that_are_dearest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "trace.csv"
    rows = [(700 * number, "busy") for number in range(40)] + [
        (9000 * number, "quiet") for number in range(4)
    ]
    lines = "".join(f"{at},5,{pool}\n" for at, pool in rows)
    path.write_text("arrival_seconds,service_seconds,pool\n" + lines)
    words = flags(str(path), "--policy", "fixed:idle=300", "--policy", "hindsight:late=0", "--pools")
    assert main([*words, "--json", "-"]) == 0
    fixed, hindsight = json.loads(capsys.readouterr().out)
    assert [pool["pool"] for pool in fixed["by_pool"]] == ["busy", "quiet"]
    assert sum(pool["accelerator_hours"] for pool in fixed["by_pool"]) == fixed["accelerator_hours"]
    assert [pool["rule"] for pool in fixed["by_pool"]] == [None, None]
    assert all(pool["rule"].startswith("static:idle=0,") for pool in hindsight["by_pool"])
    assert main([*words, "1"]) == 0
    printed = capsys.readouterr().out
    assert "The pool on which fixed:idle=300 pays most above the optimum" in printed
    assert "quiet" not in printed


def test_html_loads_nothing_from_anywhere(trace: str, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert main(flags(trace, "--policy", "poolkeeper", "--policy", "keda", "--html", str(page))) == 0
    text = page.read_text()
    tags: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append(tag)
            assert not {name for name, _ in attrs} & {"src", "href"}

    Tags().feed(text)
    assert tags.count("svg") == 3
    assert not {"script", "link", "img"} & set(tags)


def test_the_fixed_timeouts_of_the_frontier_are_joined_from_cheap_to_dear(trace: str, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    timeouts = [word for idle in (900, 0, 300) for word in ("--policy", f"fixed:idle={idle}")]
    assert main(flags(trace, "--policy", "poolkeeper", *timeouts, "--html", str(page))) == 0
    frontier = page.read_text().split("<figure>")[1]
    (line,) = re.findall(r'<g id="frontier-0-joined fixed[^>]*>\s*<path d="([^"]*)"', frontier)
    heights = [float(place.split()[-1]) for place in line.splitlines() if place]
    assert len(heights) == 3
    assert heights == sorted(heights, reverse=True), "upwards on the page is dear"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--policy", "nobody"], "policy 'nobody' is unknown"),
        (["--class", "abacus"], "--class abacus is not in the catalogue"),
        (["--min-replicas", "3"], "--min-replicas is above --max-replicas"),
        (["--policy", "keda:polling=1e-9"], "polling must lie between 0.1 and"),
        (
            ["--policy", "keda:idleReplicaCount=0"],
            "must be below minReplicaCount = 0; give a minReplicaCount of at least 1, or leave out idle",
        ),
        (["--start-time", "samples:nowhere.txt"], "nowhere.txt: can't be read: No such file or directory"),
        (["--html", "-"], "--html -: the page can only be written to a file"),
        (["--json", "./both", "--html", "both"], "--json and --html both name ./both; give each a file"),
        (["--policy", "hindsight:late=101"], "late must lie between 0 and 100"),
        (
            ["--policy", "hindsight", "--max-replicas", "2"],
            "'hindsight' is known only for pools of",
        ),
        (["--trace", "generate:poisson,pools=1e9,rate=0.000001"], "pools must be a whole number from 1 to"),
    ],
)
def test_flags_that_make_no_sense_end_with_one_message_and_status_2(
    trace: str, more: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(flags(trace, *more)) == 2
    errors = capsys.readouterr().err.strip().splitlines()
    assert len(errors) == 1
    assert message in errors[0]


@pytest.mark.parametrize(
    ("flag", "path"), [("--json", "/nowhere/at/all.json"), ("--html", "/nowhere.html/x"), ("--json", "/")]
)
def test_a_result_that_can_not_be_written_is_found_before_replaying(
    tmp_path: Path, flag: str, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(flags(str(tmp_path / "not-even-read.csv"), flag, path)) == 2
    (error,) = capsys.readouterr().err.strip().splitlines()
    assert f"{path}: can't be written" in error


@pytest.mark.parametrize(
    ("flag", "value", "message"),
    [
        ("--objective", "0.995", "must be a percentage of at least 50 and below 100, for example 99.5"),
        ("--objective", "100", "must be a percentage of at least 50 and below 100, for example 99.5"),
        ("--max-replicas", "0", "must be a whole number between 1 and 1000000, got 0"),
        ("--max-replicas", "-1", "must be a whole number between 1 and 1000000, got -1"),
        ("--min-replicas", "-1", "must be a whole number between 0 and 1000000, got -1"),
    ],
)
def test_what_is_refused_is_not_named_as_possible(
    trace: str, flag: str, value: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(flags(trace, flag, value))
    assert f"argument {flag}: {message}" in capsys.readouterr().err


@pytest.mark.parametrize("budget", ["-1", "nan", "inf", "1e12", "soon"])
def test_an_absurd_budget_is_refused_with_status_2(trace: str, budget: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--trace", trace, "--start-time", "constant:90", f"--budget={budget}"])
    assert ended.value.code == 2


@pytest.mark.parametrize(
    "model", ["constant", "constant:-3", "lognormal:90", "lognormal:0,1", "samples:/no/file", "?"]
)
def test_a_start_time_that_makes_no_sense_ends_with_status_2(trace: str, model: str) -> None:
    assert main(["--trace", trace, "--start-time", model, "--budget", "10"]) == 2


@pytest.mark.parametrize("model", ["lognormal:90,30", "two-mode:40,150,0.3,30"])
def test_a_spread_in_seconds_is_told_that_it_is_one_of_logarithms(
    trace: str, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--trace", trace, "--start-time", model, "--budget", "10"]) == 2
    assert "SIGMA is the deviation of the logarithm and at most 5, got 30" in capsys.readouterr().err


def test_clients_that_are_left_out_are_told_of_beside_the_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "clients.csv"
    path.write_text("client,t_s,rate_per_s,dist,p1,p2\n7,0,0.01,Gamma,1,100\n8,0,9,Gamma,1,1\n")
    assert main(flags(str(path), "--json", "-")) == 0
    printed = capsys.readouterr()
    assert "clients.csv: 1 of 2 clients are left out" in printed.err
    assert {row["pools"] for row in json.loads(printed.out)} == {1}


def test_a_bad_line_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("arrival_seconds\n1\n\n0.5\n")
    assert main(flags(str(path))) == 2
    assert f"{path}:4: arrival 0.5 s comes before the previous one" in capsys.readouterr().err
