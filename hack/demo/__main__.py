"""Shows a pool go from zero to N replicas and back on a real cluster, from nothing but this checkout.

    make demo                 on a kind cluster that this makes (a replay plays while it is being prepared)
    make demo CONTEXT=name    in a cluster of your own, with images from IMAGE_REGISTRY

The exit status is 0 only if the pool made the whole trip.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console

from hack.demo.commands import ROOT, Cluster, CommandFailed, existing_cluster, kind_cluster
from hack.demo.timeline import NAMESPACE, follow, wait_until_managed
from poolkeeper.backtest.opening import main as play_opening

SYSTEM_NAMESPACE = "poolkeeper-system"
CLUSTER = "poolkeeper"
FIRST_WAVE = 16
SECOND_WAVE = 3
CEILING = 4
MANIFESTS = Path(__file__).parent / "manifests"


def main() -> int:
    """Runs the demo; returns the exit status."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--context", help="use this context of your kubeconfig instead of a kind cluster")
    context = parser.parse_args().context
    console = Console(highlight=False)
    began = time.monotonic()
    try:
        cluster = prepare_existing(console, context) if context else prepare_kind(console)
        install(console, cluster)
        made_the_trip = show(console, cluster)
    except (CommandFailed, subprocess.CalledProcessError) as failure:
        console.print(f"[red]The demo stopped:[/red] {failure}", markup=True)
        return 1
    farewell(console, context, made_the_trip, time.monotonic() - began)
    return 0 if made_the_trip else 1


def prepare_kind(console: Console) -> Cluster:
    """Brings the kind cluster up, with a replay of real agent traffic to look at meanwhile."""
    hack_cluster = str(ROOT / "hack" / "cluster")
    log = ROOT / "build" / "demo-cluster.log"
    log.parent.mkdir(exist_ok=True)
    script = f'"{hack_cluster}" up --name {CLUSTER} && "{hack_cluster}" load --name {CLUSTER}'
    with log.open("w") as output:
        preparing = subprocess.Popen(["sh", "-c", script], stdout=output, stderr=subprocess.STDOUT)
    console.rule("While the cluster is being prepared: what this would have cost on real traffic")
    play_opening()
    console.rule("The cluster")
    show_progress(console, log, preparing)
    if preparing.wait() != 0:
        raise CommandFailed(f"$ {script}\nsee {log.relative_to(ROOT)}")
    return kind_cluster(CLUSTER)


def show_progress(console: Console, log: Path, preparing: "subprocess.Popen[bytes]") -> None:
    """Copies what hack/cluster says to the terminal until it ends."""
    with log.open() as lines:
        while True:
            line = lines.readline()
            if line:
                console.print(line.rstrip(), markup=False)
            elif preparing.poll() is not None:
                return
            else:
                time.sleep(0.2)


def prepare_existing(console: Console, context: str) -> Cluster:
    """Lists the cluster-wide objects that the demo will make, before it makes any."""
    cluster = existing_cluster(context)
    rendered = cluster.helm("template", "poolkeeper", str(ROOT / "charts" / "poolkeeper"), *chart_values())
    kinds = cluster.kubectl(
        "create", "--dry-run=client", "--filename", "-", "--output",
        "jsonpath={range .items[*]}{.metadata.namespace}{'|'}{.kind}{'/'}{.metadata.name}{'\\n'}{end}",
        stdin=rendered,
    )  # fmt: skip
    console.rule(f"In context {context}")
    console.print(f"Namespaces {SYSTEM_NAMESPACE} and {NAMESPACE}, and these objects of the whole cluster:")
    for line in kinds.splitlines():
        if line.startswith("|"):
            console.print(f"  {line[1:]}", markup=False)
    return cluster


def chart_values() -> list[str]:
    """Where the chart takes its image from: the cluster's own store, or IMAGE_REGISTRY."""
    registry = os.environ.get("IMAGE_REGISTRY", "")
    return ["--set", "image.tag=dev", "--set", f"image.registry={registry}"]


def install(console: Console, cluster: Cluster) -> None:
    """Installs the operator with helm and declares the demo's objects with kubectl."""
    console.rule("helm install, kubectl apply")
    cluster.helm(
        "upgrade", "--install", "poolkeeper", str(ROOT / "charts" / "poolkeeper"), "--namespace",
        SYSTEM_NAMESPACE, "--create-namespace", "--wait", "--timeout", "180s", *chart_values(),
    )  # fmt: skip
    console.print(f"Poolkeeper runs in {SYSTEM_NAMESPACE}.")
    namespace = cluster.kubectl("create", "namespace", NAMESPACE, "--dry-run=client", "--output", "yaml")
    cluster.kubectl("apply", "--filename", "-", stdin=namespace)
    for manifest in ("redis.yaml", "worker.yaml", "pool.yaml"):
        cluster.kubectl("apply", "--namespace", NAMESPACE, "--filename", "-", stdin=with_registry(manifest))
    cluster.kubectl("rollout", "status", "deploy/redis", "--namespace", NAMESPACE, "--timeout", "120s")
    console.print(f"Redis, a worker at zero and its AcceleratorPool are in {NAMESPACE}:\n")
    console.print((MANIFESTS / "pool.yaml").read_text(), markup=False, style="dim")


def with_registry(manifest: str) -> str:
    """The manifest's text, its images prefixed by IMAGE_REGISTRY where that is set."""
    registry = os.environ.get("IMAGE_REGISTRY", "")
    text = (MANIFESTS / manifest).read_text()
    return text.replace("image: poolkeeper/", f"image: {registry}/poolkeeper/") if registry else text


def show(console: Console, cluster: Cluster) -> bool:
    """Two waves of jobs: one that needs every replica at once, and one that can wait for its deadline."""
    wait_until_managed(cluster, limit_seconds=60)
    console.rule(
        f"{FIRST_WAVE} jobs of 2 s arrive; a replica takes 6 s to load; no job may wait more than 30 s"
    )
    push(cluster, FIRST_WAVE)
    if not follow(cluster, console, ceiling=CEILING, limit_seconds=180):
        return False
    console.rule(
        f"{SECOND_WAVE} more jobs; it knows by now how long a start takes, and starts as late as it may"
    )
    push(cluster, SECOND_WAVE)
    return follow(cluster, console, ceiling=CEILING, limit_seconds=180)


def push(cluster: Cluster, jobs: int) -> None:
    """Puts jobs into the demo's queue."""
    names = [f"job-{number}" for number in range(1, jobs + 1)]
    cluster.kubectl(
        "exec", "deploy/redis", "--namespace", NAMESPACE, "--", "redis-cli", "RPUSH", "jobs", *names
    )


def farewell(console: Console, context: str | None, made_the_trip: bool, seconds: float) -> None:
    """Says how it went, what to try next, and how to remove everything."""
    console.rule()
    if made_the_trip:
        console.print(f"[green]0→N→0[/green], {seconds:.0f} s in all.", markup=True)
    else:
        console.print("[red]The pool did not come back to zero in time.[/red]", markup=True)
    kubectl = f"kubectl --context {context}" if context else "kubectl"
    enter = [] if context else ['eval "$(hack/cluster env)"']
    remove = (
        [f"helm --kube-context {context} uninstall poolkeeper -n {SYSTEM_NAMESPACE}",
         f"{kubectl} delete namespace {NAMESPACE} {SYSTEM_NAMESPACE}"]
        if context
        else ["hack/cluster down --all"]
    )  # fmt: skip
    console.print("\nTry next:")
    for command in [
        *enter,
        f"{kubectl} get acceleratorpools -n {NAMESPACE}",
        f"{kubectl} describe acceleratorpool worker -n {NAMESPACE}",
        f"{kubectl} exec -n {NAMESPACE} deploy/redis -- redis-cli RPUSH jobs a b c",
    ]:
        console.print(f"  {command}", markup=False)
    console.print("Remove everything:")
    for command in remove:
        console.print(f"  {command}", markup=False)


if __name__ == "__main__":
    sys.exit(main())
