"""Draws the pool's trip from zero to N and back, one line whenever something changed."""

import time
from dataclasses import dataclass

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from hack.demo.commands import Cluster

NAMESPACE = "poolkeeper-demo"
POOL = "worker"
QUEUE_WIDTH = 16


@dataclass(frozen=True)
class Moment:
    """What the cluster shows at one instant."""

    queued: int
    in_flight: int
    desired: int
    ready: int
    reason: str
    message: str

    @property
    def shows(self) -> tuple[int, int, int, int, str]:
        """What a line tells: everything but the sentence, whose numbers change all the time."""
        return self.queued, self.in_flight, self.desired, self.ready, self.reason

    @property
    def is_at_zero(self) -> bool:
        """Nothing waits, nothing runs, and no replica is paid for."""
        return not (self.queued or self.in_flight or self.desired or self.ready)


def look(cluster: Cluster) -> Moment:
    """Reads queue depths from Redis itself and the rest from the objects that a user would look at."""
    depths = cluster.kubectl(
        "exec", "deploy/redis", "--namespace", NAMESPACE, "--",
        "redis-cli", "EVAL", "return {redis.call('LLEN','jobs'),redis.call('LLEN','jobs-in-progress')}", "0",
    ).split()  # fmt: skip
    target = cluster.get("deployment", "worker", NAMESPACE)
    decision = cluster.get("acceleratorpool", POOL, NAMESPACE).get("status", {}).get("decision", {})
    return Moment(
        queued=int(depths[0]),
        in_flight=int(depths[1]),
        desired=target["spec"]["replicas"],
        ready=target["status"].get("readyReplicas", 0),
        reason=decision.get("reason", ""),
        message=decision.get("message", ""),
    )


def draw(console: Console, seconds: float, moment: Moment, previous: Moment | None, ceiling: int) -> None:
    """One line: the time, the queue as a bar, a dot per replica, the decision; its words where it is new."""
    starting = max(0, moment.desired - moment.ready)
    bar = "█" * min(moment.queued, QUEUE_WIDTH)
    line = Text.assemble(
        (f"{int(seconds) // 60:2}:{int(seconds) % 60:02}  ", "dim"),
        f"{moment.queued:3} wait ",
        (f"{bar:<{QUEUE_WIDTH}}", "yellow"),
        f"{moment.in_flight:3} run  ",
        ("●" * min(moment.ready, moment.desired), "green"),
        ("◌" * starting, "cyan"),
        ("·" * max(0, ceiling - moment.desired), "dim"),
        f" {moment.ready} of {moment.desired} ready  ",
        (moment.reason, "bold"),
    )
    console.print(line)
    if previous is None or previous.reason != moment.reason:
        console.print(Padding(Text(moment.message, "dim"), (0, 0, 0, 7), expand=False))


def follow(cluster: Cluster, console: Console, *, ceiling: int, limit_seconds: float) -> bool:
    """Draws until the pool has been up and is at zero again; False if that took longer than the limit."""
    began = time.monotonic()
    last: Moment | None = None
    has_been_up = False
    while (elapsed := time.monotonic() - began) < limit_seconds:
        moment = look(cluster)
        if last is None or moment.shows != last.shows:
            draw(console, elapsed, moment, last, ceiling)
            last = moment
        has_been_up = has_been_up or moment.ready > 0
        if has_been_up and moment.is_at_zero:
            return True
        time.sleep(0.3)
    return False


def wait_until_managed(cluster: Cluster, limit_seconds: float) -> None:
    """Returns once the operator has read the pool's queue; raises CommandFailed if it does not."""
    cluster.kubectl(
        "wait", f"acceleratorpool/{POOL}", "--namespace", NAMESPACE, "--for=condition=DemandKnown",
        f"--timeout={limit_seconds:.0f}s",
    )  # fmt: skip
