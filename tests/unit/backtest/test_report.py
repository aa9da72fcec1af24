"""The report says what matters in a sentence, and its plots can be read in light, in dark and aloud."""

import argparse
import random
import re
import shlex
from array import array
from dataclasses import replace
from html.parser import HTMLParser
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from poolkeeper.backtest.command import add_arguments, main
from poolkeeper.backtest.comparison import Comparison, compare
from poolkeeper.backtest.controllers.registry import parse_policy
from poolkeeper.backtest.figures import Row
from poolkeeper.backtest.reporting.report.confidence import Drawings
from poolkeeper.backtest.reporting.report.deciding import deciding, half
from poolkeeper.backtest.reporting.report.repeat import command_line
from poolkeeper.backtest.reporting.report.verdict import verdict
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import Constant
from poolkeeper.backtest.traces.trace import PoolTrace, Trace
from poolkeeper.plots.axis import Axis
from poolkeeper.plots.labels import Label, label
from poolkeeper.plots.palette import DARK, LIGHT, alone, style
from poolkeeper.plots.scatter import Kind, Point, Series, scatter

LATE = Axis("late, %", most=100.0, is_fitted=True)
HOURS = Axis("hours", is_fitted=True)


def comparison(pools: int, *policies: str) -> Comparison:
    """Pools that are called every 400, 450, 500 … seconds."""
    traces = [
        PoolTrace(f"pool-{n}", array("d", [at * (400 + 50 * n) for at in range(30)]), array("d", [5.0] * 30))
        for n in range(pools)
    ]
    chosen = tuple(map(parse_policy, policies))
    return Comparison((Trace("log", tuple(traces)),), chosen, Setting(budget_seconds=120), Constant(90.0), {})


ROW: Row = compare(comparison(1, "keda")).rows[0]


def row(policy: str, hours: float, late: float) -> Row:
    return replace(
        ROW, policy=policy, accelerator_hours=hours, late_percent=late, unavoidable_late_percent=0.25
    )


@pytest.mark.parametrize(
    ("axis", "values", "ticks"),
    [
        (Axis("hours"), [7.3, 3.1], [0, 2, 4, 6, 8]),
        (Axis("hours"), [0.0], [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (LATE, [0.0, 97.0], [0, 20, 40, 60, 80, 100]),
        (LATE, [99.2, 100.0], [99.2, 99.4, 99.6, 99.8, 100]),
        (LATE, [1.2, 0.3], [0, 0.2, 0.4, 0.6, 0.8, 1, 1.2]),
        (HOURS, [101.3, 108.9], [100, 102, 104, 106, 108, 110]),
        (Axis("replicas", ticks=2, is_whole=True), [0.4], [0, 1]),
        (Axis("replicas", ticks=2, is_whole=True), [0.0, 7.0], [0, 5, 10]),
    ],
)
def test_ticks_are_round_numbers_and_no_share_is_above_100(
    axis: Axis, values: list[float], ticks: list[float]
) -> None:
    assert axis.places(values) == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("axis", "values", "ticks"),
    [
        (HOURS, [57, 75, 864], [50, 100, 200, 500, 1000]),
        (HOURS, [50, 60, 200], None),
        (LATE, [0.08, 0.4, 9.2], [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]),
        (LATE, [0.0, 0.4, 9.2], [0, 0.2, 0.5, 1, 2, 5, 10]),
        (LATE, [0.001, 0.4, 52], [0, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100]),
        (LATE, [0.0, 0.0], None),
        (Axis("hours"), [1, 100], None),
    ],
)
def test_an_axis_is_logarithmic_only_where_small_values_would_lie_on_each_other(
    axis: Axis, values: list[float], ticks: list[float] | None
) -> None:
    assert axis.is_logarithmic(values) == (ticks is not None)
    assert ticks is None or axis.factors(values) == pytest.approx(ticks)


@pytest.mark.parametrize("seed", range(5))
def test_no_label_covers_another_one_or_a_dot(seed: int) -> None:
    randomness = random.Random(seed)
    labels = [
        Label(randomness.uniform(0, 3), randomness.uniform(0, 4), f"policy-{n}", "black", n == 0)
        for n in range(15)
    ]
    with style():
        figure = Figure(figsize=(7.2, 3.9))
        axes = figure.subplots()
        axes.set(xlim=(0, 10), ylim=(0, 10))
        label(figure, axes, labels, [((0, 2), (3, 2))])
        figure.draw_without_rendering()
        boxes = [Text.get_window_extent(text).padded(-1) for text in axes.texts]
        dots = [axes.transData.transform((each.x, each.y)) for each in labels]
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
    assert not [dot for box in boxes for dot in dots if box.contains(*dot)]


def test_a_plot_has_the_same_bytes_again_and_colours_that_the_page_decides() -> None:
    points = [
        Point(1, 10, "ours", Kind.OURS, (0.5, 1.5)),
        Point(2, 8, "peer", y_range=(7, 9)),
        Point(0, 5, "best", Kind.BOUND),
    ]
    drawn, again = (scatter(points, LATE, HOURS, name="f", description="a < b") for _ in range(2))
    assert drawn == again
    assert drawn.startswith('<svg role="img" aria-label="a &lt; b"')
    assert all(colour not in drawn for colour in LIGHT.values())
    assert {"--ours", "--muted", "--bound", "--ink", "--grid"} <= set(re.findall(r"var\((--\w+)\)", drawn))
    image = alone(drawn)
    assert ElementTree.fromstring(image).tag.endswith("svg")
    assert all(
        f"--{name}: {colour}" in image for colours in (LIGHT, DARK) for name, colour in colours.items()
    )


def test_a_frontier_is_joined_has_a_band_and_a_ring_around_what_was_chosen() -> None:
    points = [
        Point(at, 10 - at, f"{at} s", y_range=(9.5 - at, 10.5 - at), is_chosen=at == 2) for at in (1, 2, 3)
    ]
    joined = [Series("budget", points)]
    drawn = scatter(points, LATE, HOURS, joined=joined, name="s", description="")
    assert 'id="s-joined budget"' in drawn
    assert "FillBetween" in drawn or "PolyCollection" in drawn
    without = scatter(
        [replace(point, is_chosen=False) for point in points], LATE, HOURS, name="s", description=""
    )
    assert drawn.count("<use") > without.count("<use")


@pytest.mark.parametrize(
    ("others", "sentence"),
    [
        ([row("keda", 100, 1.5)],
         "Poolkeeper takes 38 % fewer accelerator-hours than keda, with 0.3 points fewer requests late "
         "(1.20 % against 1.50 %)."),
        ([row("keda", 100, 1.21)],
         "Poolkeeper takes 38 % fewer accelerator-hours than keda, with as many requests late "
         "(1.20 % against 1.21 %)."),
        ([row("keda", 56, 0.7)],
         "Poolkeeper loses here: it takes 11 % more accelerator-hours than keda, with 0.5 points more "
         "requests late (1.20 % against 0.70 %)."),
        ([row("keda", 62, 0.7)],
         "Poolkeeper loses here: it takes as many accelerator-hours as keda, with 0.5 points more "
         "requests late (1.20 % against 0.70 %)."),
        ([row("keda", 50, 2.1)],
         "Poolkeeper takes 24 % more accelerator-hours than keda, with 0.9 points fewer requests late "
         "(1.20 % against 2.10 %)."),
        ([row("keda", 100, 1.5), row("knative", 70, 1.3), row("hpa", 20, 9), row("always-on", 9, 0),
          row("optimum", 50, 0)],
         "Poolkeeper takes 11 % fewer accelerator-hours than knative, with 0.1 points fewer requests late "
         "(1.20 % against 1.30 %)."),
        ([row("keda", 90, 9), row("hpa", 80, 8)],
         "Poolkeeper takes 22 % fewer accelerator-hours than hpa, with 6.8 points fewer requests late "
         "(1.20 % against 8.00 %)."),
        ([row("always-on", 620, 0.25)],
         "Poolkeeper takes 90 % fewer accelerator-hours than always-on, with 0.95 points more requests late "
         "(1.20 % against 0.25 %)."),
    ],
)  # fmt: skip
def test_the_verdict_compares_with_the_cheapest_peer_that_is_hardly_later(
    others: list[Row], sentence: str
) -> None:
    assert verdict([row("poolkeeper", 62, 1.2), *others], 99.0, None)[0] == sentence


def test_the_verdict_names_keda_equal_shares_other_pools_and_the_promise() -> None:
    rows = [
        *(row("poolkeeper", 62, 1.2), row("keda", 100, 1.5), row("knative", 70, 1.3)),
        *(row("hindsight", 60, 1.2), row("tuned:hpa", 64, 1.1), row("informed", 61, 3.0)),
    ]
    assert verdict(rows, 98.0, (0.8, 0.95))[1:] == [
        "With other pools of this kind: 5 to 20 % fewer hours (95 % of drawings of the pools).",
        "Poolkeeper takes 38 % fewer accelerator-hours than keda, with 0.3 points fewer requests late "
        "(1.20 % against 1.50 %).",
        "At an equal share of late requests, Poolkeeper's hours are 1.03 × those of hindsight and 0.97 × "
        "those of tuned:hpa (which has 1.10 % late).",
        "The promise of 98 % in time is kept: 1.20 % are late.",
    ]
    assert verdict(rows, 99.5, (1.02, 1.1))[1].startswith(
        "With other pools of this kind: 2 to 10 % more hours"
    )
    assert "from 10 % more to 5 % fewer" in verdict(rows, 99.5, (0.95, 1.1))[1]
    assert verdict(rows, 99.5, None)[-1] == (
        "The promise of 99.5 % in time is missed: 1.20 % are late. In a pool that is always on, 0.95 % "
        "of the requests fewer would be late."
    )
    assert verdict(rows[1:], 99.5, None) == []
    rows[1] = replace(rows[1], lost=12)
    assert verdict(rows, 98.0, None)[2] == "Requests that keda loses with their replicas: 12."


def test_ranges_are_those_of_drawings_of_the_pools() -> None:
    found = compare(comparison(10, "poolkeeper", "fixed:idle=900")).pools
    drawings = Drawings(found, seed=3)
    assert drawings.hours_ratio(0, 1) == Drawings(found, seed=3).hours_ratio(0, 1)
    assert drawings.hours_ratio(0, 1) != Drawings(found, seed=4).hours_ratio(0, 1)
    hours = [sum(pool.outcome.accelerator_seconds for pool in pools) for pools in found]
    low, high = drawings.hours_ratio(0, 1) or (0.0, 0.0)
    assert low < hours[0] / hours[1] < high
    assert drawings.hours_ratio(1, 1) == (1.0, 1.0)
    assert drawings.late_percent(1) is not None
    few = Drawings([pools[:7] for pools in found], seed=3)
    assert (few.hours_ratio(0, 1), few.late_percent(0)) == (None, None)


def test_the_pools_that_decide_are_those_with_the_largest_differences() -> None:
    mine, theirs = compare(comparison(5, "fixed:idle=0", "fixed:idle=900")).pools
    differences = deciding(mine, theirs)
    hours = [abs(each.hours) for each in differences]
    assert hours == sorted(hours, reverse=True)
    first = half(differences)
    assert sum(hours[:first]) >= sum(hours) / 2 > sum(hours[: first - 1])


def test_the_command_on_the_page_gives_the_same_arguments() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    words = [
        *(
            "--trace",
            "a log;of mine.csv",
            "--trace",
            "-",
            "--start-time",
            "lognormal:90,0.3",
            "--budget",
            "120.5",
        ),
        *(
            "--no-drains",
            "--class",
            "nvidia-l4",
            "--policy",
            "keda",
            "--policy",
            "fixed:idle=3",
            "--seed",
            "4",
        ),
    ]
    arguments = parser.parse_args(words)
    defaults = {name: parser.get_default(name) for name in vars(arguments)}
    line = command_line(arguments, defaults)
    program, command, *again = shlex.split(line)
    assert (program, command) == ("poolkeeper", "backtest")
    assert parser.parse_args(again) == arguments
    assert "objective" not in line
    assert "120.5" in line


class Page(HTMLParser):
    """What the page is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    path = folder / "trace.csv"
    path.write_text("ts,took,model\n" + "".join(f"{700 * n},5,<{'ab'[n % 2]}>\n" for n in range(40)))
    words = [
        "--trace",
        str(path),
        "--trace",
        "generate:poisson,hours=20,pools=8",
        "--start-time",
        "lognormal:90,0.3",
    ]
    texts = []
    for name in ("once.html", "again.html"):
        assert main([*words, "--budget", "120", "--html", str(folder / name)]) == 0
        texts.append((folder / name).read_text())
    assert texts[0].replace("once.html", "again.html") == texts[1]
    return texts[0]


def found(page: str, tag: str) -> list[dict[str, Any]]:
    parser = Page()
    parser.feed(page)
    return [attributes for name, attributes in parser.tags if name == tag]


def test_the_page_can_be_read_aloud(page: str) -> None:
    """Plots have a text instead, tables have captions, and headings are those of a row or of a column."""
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in found(page, "svg"))
    assert len(found(page, "caption")) == len(found(page, "table")) == 4
    assert {heading["scope"] for heading in found(page, "th")} == {"row", "col"}
    assert found(page, "html")[0]["lang"] == "en"


def test_ids_of_several_plots_differ(page: str) -> None:
    parser = Page()
    parser.feed(page)
    ids = [attributes["id"] for _, attributes in parser.tags if "id" in attributes]
    assert len(ids) == len(set(ids)) > 50
    assert {used.partition("#")[2] for used in re.findall(r'xlink:href="([^"]*)"', page)} <= set(ids)


def test_the_page_suits_light_dark_and_paper(page: str) -> None:
    assert "@media screen and (prefers-color-scheme: dark)" in page
    assert "@media print" in page
    assert not [colour for colour in LIGHT.values() if page.count(colour) > 1]


def test_the_page_says_how_it_was_made(page: str) -> None:
    assert f"<dt>version</dt><dd>{version('poolkeeper')}</dd>" in page
    assert "<dt>objective percent</dt><dd>99.5</dd>" in page
    assert "<dt>policies</dt><dd>poolkeeper, keda, always-on, optimum</dd>" in page
    (command,) = re.findall(r"<code>(.*)</code>", page)
    assert command.startswith("poolkeeper backtest --trace ")
    assert command.endswith("once.html")
    assert "arrivals are the column &#x27;ts&#x27;" in page
    assert "&lt;a&gt;" in page
    assert Path(shlex.split(command)[3]).name == "trace.csv"
