import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text

from hack.demo import __main__ as demo
from hack.demo import farewell, http_act, recording
from hack.demo.commands import CommandFailed, KubectlCluster
from hack.demo.http_act import Answer, summary
from hack.demo.images import NAMES, advice, unobtainable
from hack.demo.recording import BEGIN, END, README, placed, shortened
from hack.demo.stage import chart_values, with_images
from hack.demo.timeline import Pace, Replicas, Timeline


@dataclass(frozen=True)
class Glance:
    """A moment whose line shows the replicas only."""

    replicas: Replicas

    @property
    def shows(self) -> tuple[object, ...]:
        return self.replicas.shows

    def line(self) -> Text:
        return self.replicas.line(ceiling=3)


def glance(desired: int, ready: int, reason: str, message: str = "because") -> Glance:
    return Glance(Replicas(desired, ready, reason, message))


def looking_at(*moments: Glance) -> Callable[[], Glance]:
    """What a look finds, one moment after the other, and from then on the last."""
    coming = list(moments)
    return lambda: coming.pop(0) if len(coming) > 1 else coming[0]


QUICK = Pace(limit_seconds=0.3, look_seconds=0.0, settle_seconds=0.0)


@pytest.fixture
def console() -> Console:
    return Console(highlight=False, record=True, width=80)


def test_a_line_is_drawn_when_something_changes_and_words_when_the_decision_does(console: Console) -> None:
    trip = Timeline(console, replace(QUICK, limit_seconds=60))
    asleep, starting = glance(0, 0, "AtZero", "quiet"), glance(2, 0, "Starting", "two start")
    up = glance(2, 2, "Starting", "still the same decision")

    assert trip.follow(looking_at(asleep, asleep, starting, up), lambda moment: moment.replicas.ready == 2)

    assert [line.rstrip() for line in console.export_text().splitlines()] == [
        " 0:00  ··· 0 of 0 ready  AtZero",
        "       quiet",
        " 0:00  ◌◌· 0 of 2 ready  Starting",
        "       two start",
        " 0:00  ●●· 2 of 2 ready  Starting",
    ]


def test_a_trip_that_takes_too_long_has_failed(console: Console) -> None:
    trip = Timeline(console, replace(QUICK, limit_seconds=0.05))
    began = time.monotonic()

    assert not trip.follow(looking_at(glance(1, 0, "Starting")), lambda moment: moment.replicas.at_zero)
    assert time.monotonic() - began >= 0.05


@pytest.mark.parametrize(
    ("desired", "ready", "reason", "at_zero"),
    [(0, 0, "AtZero", True), (0, 1, "AtZero", False), (1, 0, "AtZero", False), (0, 0, "StopIdle", False)],
)
def test_zero_is_no_replica_and_the_word_of_the_operator(
    desired: int, ready: int, reason: str, at_zero: bool
) -> None:
    assert at_zero == Replicas(desired, ready, reason, "").at_zero


@pytest.mark.parametrize("status", [{}, {"decision": {"reason": "Busy", "message": "at work"}}])
def test_replicas_are_read_from_the_objects_also_before_the_first_decision(status: dict[str, Any]) -> None:
    found = Replicas.of({"spec": {"replicas": 2}, "status": {}}, {"status": status})

    assert (found.desired, found.ready) == (2, 0)
    assert found.reason == ("Busy" if status else "")


@pytest.mark.parametrize(
    ("held", "way"),
    [
        ([None, None], "straight from the pod, past the activators"),
        ([None, "1.5"], "1 of them held"),
    ],
)
def test_the_way_of_warm_requests_is_told_as_it_was(held: list[str | None], way: str) -> None:
    answers = [Answer(status=200, text="", held=one, seconds=0.25) for one in held]

    assert summary(answers) == f"0.25 s, 0.25 s: {way}"


@pytest.mark.parametrize(
    "manifest", ["worker.yaml", "redis.yaml", "llm.yaml", "caller.yaml", "embeddings.yaml"]
)
def test_images_come_from_the_registry_that_is_named(manifest: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGE_REGISTRY", "registry.example/team/")

    images = [line for line in with_images(manifest).splitlines() if "image: " in line]
    assert images
    assert all("image: registry.example/team/poolkeeper/" in line for line in images)
    assert "imagePullPolicy: IfNotPresent" in with_images(manifest)


@pytest.mark.parametrize(
    "manifest", ["worker.yaml", "redis.yaml", "llm.yaml", "caller.yaml", "embeddings.yaml"]
)
def test_nothing_is_pulled_from_a_registry_that_nobody_named(
    manifest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("IMAGE_REGISTRY", raising=False)

    text = with_images(manifest)
    assert text.count("imagePullPolicy: Never") == text.count("image: poolkeeper/") > 0
    assert "image.pullPolicy=Never" in chart_values()


@dataclass(frozen=True)
class ClusterOfPods(KubectlCluster):
    """One whose pods in every namespace wait for images like this."""

    waiting: tuple[tuple[str, str], ...] = ()

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        statuses: list[dict[str, Any]] = [
            {"image": image, "state": {"waiting": {"reason": reason}} if reason else {"running": {}}}
            for image, reason in self.waiting
        ]
        pending: dict[str, Any] = {"status": {"phase": "Pending"}}
        return json.dumps({"items": [{"status": {"containerStatuses": statuses}}, pending]})


def test_images_that_the_nodes_can_not_get_are_named_with_the_commands_that_bring_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IMAGE_REGISTRY", "registry.example/team")
    cluster = ClusterOfPods(
        waiting=(
            ("a:dev", "ImagePullBackOff"),
            ("b:dev", "ContainerCreating"),
            ("c:dev", ""),
            ("d", "ErrImagePull"),
        )
    )

    missing = unobtainable(cluster, ("one", "two"))

    assert missing == ["a:dev", "d"]
    words = "\n".join(advice(missing, "mine"))
    assert "a:dev, d" in words
    assert f"hack/cluster push registry.example/team {' '.join(NAMES)}\n" in words
    assert "make demo CONTEXT=mine IMAGE_REGISTRY=registry.example/team" in words


@pytest.mark.parametrize("problem", [CommandFailed("helm timed out"), None])
def test_a_demo_that_stops_for_want_of_images_says_so(
    problem: CommandFailed | None, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster = ClusterOfPods(waiting=(("poolkeeper/worker:dev", "ErrImageNeverPull"),))

    assert demo.main(["--context", "mine"], steps(cluster, [problem or False])) == 1
    said = capsys.readouterr().out
    assert "The nodes can't get poolkeeper/worker:dev" in said
    assert "hack/cluster push" in said


def test_what_helm_leaves_behind_is_said_with_the_command_that_removes_it(console: Console) -> None:
    farewell.say_how_to_remove(console, "mine")

    said = console.export_text()
    kept = ["acceleratorpools.poolkeeper.dev", "acceleratorclasses.poolkeeper.dev"]
    assert "AcceleratorClasses" in said
    assert f"kubectl --context mine delete crd {' '.join(kept)}" in " ".join(said.split())


def test_a_cluster_of_the_demos_own_goes_as_a_whole(console: Console) -> None:
    farewell.say_how_to_remove(console, None)

    assert console.export_text() == "Remove everything:\n  hack/cluster down --all\n"


def test_a_recording_leaves_out_lines_in_which_only_the_queue_is_new() -> None:
    lines = [
        "──── jobs ────",
        " 0:00   3 wait ███   0 run  ◌· 0 of 1 ready  Starting",
        "       one starts",
        " 0:01   2 wait ██    1 run  ◌· 0 of 1 ready  Starting",
        " 0:02   1 wait █     1 run  ●· 1 of 1 ready  Busy",
        "──── a request ────",
        " 0:00   0 wait  Service chat → pods       ●· 1 of 1 ready  Busy",
        " 0:01   0 wait  Service chat → activator  ●· 1 of 1 ready  Busy",
    ]

    assert list(shortened(lines)) == [*lines[:3], *lines[4:]]


def test_a_recording_replaces_the_one_before_and_nothing_else() -> None:
    page = placed(f"above\n{BEGIN}\nold\n{END}\nbelow\n", "new\n")

    assert page == f"above\n{BEGIN}\n```text\nnew\n```\n{END}\nbelow\n"
    assert placed(page, "new") == page


def test_the_first_act_is_open_and_the_others_are_folded() -> None:
    shown = "──── jobs ────\n 0:00\n──── a request ────\n 0:00\n──── a later one ────\n 0:01"

    page = placed(f"{BEGIN}\n{END}", shown)

    assert page.index("jobs") < page.index("<details>") < page.index("a request") < page.index("</details>")
    assert recording.recorded(page) == shown


def test_the_readme_has_a_place_for_the_recording() -> None:
    assert [README.read_text().count(mark) for mark in (BEGIN, END)] == [1, 1]


@pytest.mark.parametrize(
    ("acts", "status"),
    [((True, True), 0), ((False, True), 1), ((True, False), 1), ((True, CommandFailed("no answer")), 1)],
)
@pytest.mark.parametrize("record", [False, True])
def test_it_succeeds_and_is_recorded_only_if_both_acts_went_well(
    acts: tuple[bool | CommandFailed, ...], status: int, record: bool
) -> None:
    recorded: list[str] = []
    flags = ["--record"] if record else []

    assert demo.main(["--context", "mine", *flags], steps(ClusterOfPods(), acts, recorded)) == status
    assert recorded == (["played\nplayed\n"] if record and not status else [])


def steps(
    cluster: KubectlCluster, acts: Iterable[bool | CommandFailed], recorded: list[str] | None = None
) -> demo.Steps:
    """A demo in this cluster whose acts end like this; what it would record goes to `recorded`."""
    return demo.Steps(
        prepare_existing=lambda console, context: cluster,
        existing_cluster=lambda context: cluster,
        install=lambda console, cluster: None,
        acts=tuple(
            demo.Act(lambda console, cluster: console.print("prepared"), played(each), "It failed.")
            for each in acts
        ),
        record=(recorded if recorded is not None else []).append,
    )


def played(outcome: bool | CommandFailed) -> Callable[[Console, KubectlCluster], bool]:
    """An act that ends like this."""

    def show(console: Console, cluster: KubectlCluster) -> bool:
        console.print("played")
        if isinstance(outcome, CommandFailed):
            raise outcome
        return outcome

    return show


@dataclass(frozen=True)
class ScriptedCluster(KubectlCluster):
    """A cluster whose model answers, or refuses, while its objects go through these states."""

    answers: bool = True
    states: tuple[tuple[bool, int, str], ...] = ()
    looks: list[int] = field(default_factory=list)

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        if arguments[0] == "exec":
            return self.answer(int(arguments[-1]))
        self.looks.append(0)
        activators_answer, _, _ = self.state
        return "endpointslice/chat-poolkeeper-ipv4" if activators_answer else "endpointslice/chat-1"

    def get(self, kind: str, name: str, namespace: str) -> dict[str, Any]:
        _, replicas, reason = self.state
        if kind == "deployment":
            return {"spec": {"replicas": replicas}, "status": {"readyReplicas": replicas}}
        return {"status": {"decision": {"reason": reason, "message": "because"}}}

    @property
    def state(self) -> tuple[bool, int, str]:
        return self.states[min(len(self.looks), len(self.states)) - 1]

    def answer(self, times: int) -> str:
        if not self.answers:
            raise CommandFailed("HTTP Error 503")
        held = "6.5" if times == 1 else None
        return json.dumps({"status": 200, "text": "token0", "held": held, "seconds": 6.6}) + "\n"


HELD, WARM, BACK = (True, 0, "StartAtOnce"), (False, 1, "Busy"), (True, 0, "AtZero")


@pytest.mark.parametrize(
    ("states", "made_it"), [((HELD, WARM, BACK), True), ((HELD, WARM), False), ((HELD,), False)]
)
def test_the_second_act_fails_unless_the_model_warms_up_and_goes_back(
    states: Iterable[tuple[bool, int, str]], made_it: bool, console: Console
) -> None:
    assert http_act.show(console, ScriptedCluster(states=tuple(states)), QUICK) == made_it
    assert "200 after 6.6 s, X-Poolkeeper-Cold-Start: 6.5\n       “token0”" in console.export_text()


def test_the_second_act_stops_with_the_callers_words_if_the_model_does_not_answer(console: Console) -> None:
    with pytest.raises(CommandFailed, match="503"):
        http_act.show(console, ScriptedCluster(answers=False, states=(HELD,)), QUICK)
