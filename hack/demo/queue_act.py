"""Act one: jobs in a Redis list take a pool from zero to N and back."""

from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from hack.demo.commands import KubectlCluster
from hack.demo.stage import MANIFESTS, NAMESPACE, apply, wait_until_managed
from hack.demo.timeline import FOR_PEOPLE, Pace, Replicas, Timeline

POOL = "worker"
FIRST_WAVE = 16
SECOND_WAVE = 3
FIRST_HEADING = (
    f"{FIRST_WAVE} jobs of 2 s arrive; a replica takes 6 s to load; no job may wait more than 30 s"
)
SECOND_HEADING = (
    f"{SECOND_WAVE} more jobs; Poolkeeper has learned how long a start takes, and starts as late as it can"
)
CEILING = 4
QUEUE_WIDTH = 16


@dataclass(frozen=True)
class Moment:
    """The queue and the pool at one instant."""

    queued: int
    in_flight: int
    replicas: Replicas

    @property
    def shows(self) -> tuple[object, ...]:
        """What a line shows; a new line is drawn when it changes."""
        return self.queued, self.in_flight, self.replicas.shows

    @property
    def at_zero(self) -> bool:
        """Nothing waits, nothing runs, and no replica is paid for."""
        return not (self.queued or self.in_flight) and self.replicas.at_zero

    def line(self) -> Text:
        """The queue as a bar, then the replicas."""
        bar = "█" * min(self.queued, QUEUE_WIDTH)
        return Text.assemble(
            f"{self.queued:3} wait ",
            (f"{bar:<{QUEUE_WIDTH}}", "yellow"),
            f"{self.in_flight:3} run  ",
            self.replicas.line(CEILING),
        )


def prepare(console: Console, cluster: KubectlCluster) -> None:
    """A Redis, a worker at zero and its pool."""
    console.rule("kubectl apply")
    apply(cluster, "redis.yaml", "worker.yaml", "pool.yaml")
    cluster.kubectl("rollout", "status", "deploy/redis", "--namespace", NAMESPACE, "--timeout", "120s")
    console.print(f"Redis, a worker at zero and its AcceleratorPool are in {NAMESPACE}:\n")
    console.print((MANIFESTS / "pool.yaml").read_text(), markup=False, style="dim")
    wait_until_managed(cluster, POOL)


def show(console: Console, cluster: KubectlCluster, pace: Pace = FOR_PEOPLE) -> bool:
    """Two waves of jobs: one that needs every replica at once, and one that can wait for its deadline."""
    console.rule(FIRST_HEADING)
    if not make_the_trip(console, cluster, FIRST_WAVE, pace):
        return False
    console.rule(SECOND_HEADING)
    return make_the_trip(console, cluster, SECOND_WAVE, pace)


def make_the_trip(console: Console, cluster: KubectlCluster, jobs: int, pace: Pace) -> bool:
    """Pushes jobs and draws lines until the pool was up and is at zero again."""
    names = [f"job-{number}" for number in range(1, jobs + 1)]
    redis_cli(cluster, "RPUSH", "jobs", *names)
    timeline = Timeline(console, pace)

    def look_now() -> Moment:
        return look(cluster)

    return timeline.follow(look_now, lambda moment: moment.replicas.ready > 0) and timeline.follow(
        look_now, lambda moment: moment.at_zero
    )


def look(cluster: KubectlCluster) -> Moment:
    """Reads the queue's depths from Redis itself."""
    script = "return {redis.call('LLEN','jobs'),redis.call('LLEN','jobs-in-progress')}"
    queued, in_flight = redis_cli(cluster, "EVAL", script, "0").split()
    replicas = Replicas.of(
        cluster.get("deployment", "worker", NAMESPACE), cluster.get("acceleratorpool", POOL, NAMESPACE)
    )
    return Moment(int(queued), int(in_flight), replicas)


def redis_cli(cluster: KubectlCluster, *command: str) -> str:
    """One Redis command, run inside the Redis pod."""
    return cluster.kubectl("exec", "deploy/redis", "--namespace", NAMESPACE, "--", "redis-cli", *command)
