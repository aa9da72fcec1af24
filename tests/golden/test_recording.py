"""The README's recording is whole, and such as the demo would draw it today."""

import re
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml

from hack.demo import http_act, queue_act
from hack.demo.recording import README, RULE, WIDTH, recorded
from hack.demo.stage import MANIFESTS
from hack.demo.timeline import LABEL_WIDTH, Moment, Replicas
from poolkeeper.core.values.decision import Reason

HEADINGS = (queue_act.FIRST_HEADING, queue_act.SECOND_HEADING, http_act.HEADING)
REPLICAS = r"[●◌·]+ (\d+) of (\d+) ready  (\w+)$"
QUEUE = re.compile(rf" *(\d+) wait █* *(\d+) run  {REPLICAS}")
REQUEST = re.compile(rf" *(\d+) waits?  +Service \w+ → (\w+) +{REPLICAS}")


@dataclass
class Trip:
    """One heading of the recording and what was shown under it, without the clock."""

    heading: str
    lines: list[str] = field(default_factory=list)

    @property
    def moments(self) -> list[Moment]:
        """What its lines show of replicas."""
        return [moment for line in self.lines if (moment := read(line))]


def read(line: str) -> Moment | None:
    """The moment that a line shows, if it shows one."""
    if found := QUEUE.match(line):
        queued, running, ready, desired, reason = found.groups()
        return queue_act.Moment(int(queued), int(running), Replicas(int(desired), int(ready), reason, ""))
    if found := REQUEST.match(line):
        waiting, way, ready, desired, reason = found.groups()
        replicas = Replicas(int(desired), int(ready), reason, "")
        return http_act.Moment(int(waiting), way == "activator", replicas)
    return None


def load(manifest: str) -> list[dict[str, Any]]:
    """The objects of one of the demo's manifests."""
    return list(yaml.safe_load_all((MANIFESTS / manifest).read_text()))


def environment(deployment: dict[str, Any]) -> dict[str, str]:
    """The environment of a Deployment's one container."""
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each["value"] for each in container["env"]}


def trips() -> list[Trip]:
    """The recording by its headings; what precedes the first has none."""
    found = [Trip("")]
    for line in recorded(README.read_text()).splitlines():
        if line.startswith(RULE):
            found.append(Trip(line.strip(f"{RULE} ")))
        else:
            found[-1].lines.append(line[LABEL_WIDTH:])
    return found


def test_it_shows_both_acts_under_the_headings_that_they_print() -> None:
    before, *shown = trips()

    assert before.lines == []
    assert [trip.heading for trip in shown] == list(HEADINGS)
    assert max(map(len, recorded(README.read_text()).splitlines())) <= WIDTH


@pytest.mark.parametrize("number", range(1, len(HEADINGS) + 1), ids=HEADINGS)
def test_each_trip_goes_up_from_zero_and_back(number: int) -> None:
    moments = trips()[number].moments

    assert moments[0].replicas.ready == 0
    assert any(moment.replicas.ready for moment in moments)
    assert moments[-1].replicas.at_zero
    assert {moment.replicas.reason for moment in moments} <= {reason.value for reason in Reason}


@pytest.mark.parametrize("number", range(1, len(HEADINGS) + 1), ids=HEADINGS)
def test_its_lines_are_drawn_as_the_demo_draws_them(number: int) -> None:
    trip = trips()[number]
    drawn = [line for line in trip.lines if re.search("[●◌·]", line)]

    assert drawn == [moment.line().plain for moment in trip.moments]


def test_the_model_answers_from_zero_and_when_it_is_warm() -> None:
    words = "\n".join(trips()[-1].lines)

    assert f"POST {http_act.URL}\n" in words
    assert re.search(r"^200 after [\d.]+ s, X-Poolkeeper-Cold-Start: [\d.]+$", words, re.MULTILINE)
    assert f"POST {http_act.URL}, {http_act.WARM_REQUESTS} times\n" in words
    assert "straight from the pod" in words


def test_headings_and_ceilings_say_what_the_manifests_declare() -> None:
    worker, pool = load("worker.yaml")[-1], load("pool.yaml")[-1]
    model, http_pool = load("llm.yaml")[-1], load("llm-pool.yaml")[-1]
    service, loads = environment(worker)["SERVICE_SECONDS"], environment(worker)["LOAD_SECONDS"]
    budget = pool["spec"]["coldStart"]["budgetSeconds"]

    assert re.findall(r"(\d+) s\b", queue_act.FIRST_HEADING) == [service, loads, str(budget)]
    assert re.findall(r"(\d+) s\b", http_act.HEADING) == [environment(model)["LOAD_SECONDS"]]
    assert pool["spec"]["replicas"]["max"] == queue_act.CEILING
    assert http_pool["spec"]["replicas"]["max"] == http_act.CEILING
