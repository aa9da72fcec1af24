"""Act two: a model at zero is called, and the answer comes on the same connection."""

import json
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from hack.demo.commands import KubectlCluster
from hack.demo.stage import MANIFESTS, NAMESPACE, apply, wait_until_managed
from hack.demo.timeline import FOR_PEOPLE, Pace, Replicas, Timeline

POOL = "chat"
SERVICE = "chat"
HEADING = "A request for a model at zero; a replica takes 6 s to load"
CEILING = 2
WARM_REQUESTS = 3

# Run in the caller's pod, whose image has Python and no curl: one request after the other, each over a
# connection of its own, as curl would; timed here, so that kubectl's own time is not counted.
ASK = """
import json, sys, time, urllib.request
body = json.dumps({"prompt": "hello", "max_tokens": 5}).encode()
for _ in range(int(sys.argv[2])):
    request = urllib.request.Request(sys.argv[1], body, {"Content-Type": "application/json"})
    began = time.monotonic()
    with urllib.request.urlopen(request, timeout=120) as answer:
        text = json.load(answer)["choices"][0]["text"]
        held = answer.headers.get("X-Poolkeeper-Cold-Start")
        print(json.dumps({
            "status": answer.status, "text": text.strip(), "held": held, "seconds": time.monotonic() - began,
        }))
"""
URL = f"http://{SERVICE}/v1/completions"


@dataclass(frozen=True)
class Answer:
    """What the caller got."""

    status: int
    text: str
    held: str | None
    seconds: float


@dataclass(frozen=True)
class Moment:
    """Who answers the Service, and the pool, at one instant."""

    unanswered: int
    activators_answer: bool
    replicas: Replicas

    @property
    def shows(self) -> tuple[object, ...]:
        """What a line shows; a new line is drawn when it changes."""
        return self.unanswered, self.activators_answer, self.replicas.shows

    def line(self) -> Text:
        """Who answers a request, then the replicas."""
        way = ("activator", "yellow") if self.activators_answer else ("pods", "green")
        return Text.assemble(
            f"{self.unanswered:3} wait{'s' if self.unanswered == 1 else ' '}  ",
            f"Service {SERVICE} → ",
            (f"{way[0]:<9}  ", way[1]),
            self.replicas.line(CEILING),
        )


def prepare(console: Console, cluster: KubectlCluster, pace: Pace = FOR_PEOPLE) -> None:
    """A model at zero behind its Service, its pool, and a pod to call it from."""
    console.rule("kubectl apply")
    apply(cluster, "llm.yaml", "llm-pool.yaml", "caller.yaml")
    cluster.kubectl(
        "wait", "pod/caller", "--namespace", NAMESPACE, "--for=condition=Ready", "--timeout", "120s"
    )
    cluster.kubectl(
        "wait", f"endpointslice/{POOL}-poolkeeper-ipv4", "--namespace", NAMESPACE, "--for=create",
        "--timeout", "60s",
    )  # fmt: skip
    console.print(f"A simulated LLM at zero, its Service and its AcceleratorPool are in {NAMESPACE}:\n")
    console.print((MANIFESTS / "llm-pool.yaml").read_text(), markup=False, style="dim")
    wait_until_managed(cluster, POOL)
    time.sleep(pace.settle_seconds)


def show(console: Console, cluster: KubectlCluster, pace: Pace = FOR_PEOPLE) -> bool:
    """A request at zero, some requests to the warm model, and the stop of its replica."""
    console.rule(HEADING)
    timeline = Timeline(console, pace)
    timeline.note(f"POST {URL}", "bold")
    with ThreadPoolExecutor(1) as caller:
        asked = caller.submit(ask, cluster)
        if not timeline.follow(lambda: look(cluster, asked), lambda _: asked.done()):
            return False
    (cold,) = asked.result()
    timeline.note(f"{cold.status} after {cold.seconds:.1f} s, X-Poolkeeper-Cold-Start: {cold.held}")
    timeline.explain(f"“{cold.text}”")
    if not timeline.follow(lambda: look(cluster), lambda moment: not moment.activators_answer):
        return False
    time.sleep(pace.settle_seconds)
    timeline.note(f"POST {URL}, {WARM_REQUESTS} times", "bold")
    timeline.note(summary(ask(cluster, WARM_REQUESTS)))
    return timeline.follow(lambda: look(cluster), lambda moment: moment.replicas.at_zero)


def summary(answers: list[Answer]) -> str:
    """How long the answers took, and whether an activator held them, which its header says."""
    took = ", ".join(f"{answer.seconds:.2f} s" for answer in answers)
    held = sum(answer.held is not None for answer in answers)
    return f"{took}: {f'{held} of them held' if held else 'straight from the pod, past the activators'}"


def ask(cluster: KubectlCluster, times: int = 1) -> list[Answer]:
    """Asks the model from within the cluster, by its Service's name; raises CommandFailed where it fails."""
    printed = cluster.kubectl(
        "exec", "caller", "--namespace", NAMESPACE, "--", "python3", "-c", ASK, URL, str(times)
    )
    return [Answer(**json.loads(line)) for line in printed.splitlines()]


def look(cluster: KubectlCluster, asked: "Future[list[Answer]] | None" = None) -> Moment:
    """Reads who answers the Service from its endpoints."""
    slices = cluster.kubectl(
        "get", "endpointslices", "--namespace", NAMESPACE,
        "--selector", f"kubernetes.io/service-name={SERVICE}", "--output", "name",
    )  # fmt: skip
    replicas = Replicas.of(
        cluster.get("deployment", SERVICE, NAMESPACE), cluster.get("acceleratorpool", POOL, NAMESPACE)
    )
    return Moment(int(asked is not None and not asked.done()), "poolkeeper" in slices, replicas)
