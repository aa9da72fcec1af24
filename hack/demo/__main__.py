"""Shows pools go from zero to N replicas and back on a real cluster, from nothing but this checkout.

    make demo                 on a kind cluster that this makes (a replay plays while it is being prepared)
    make demo CONTEXT=name    in a cluster of your own, with images from IMAGE_REGISTRY

The exit status is 0 only if both acts went as they should: jobs in a queue took a pool up and back to zero,
and a model at zero answered a request and went back to zero.
"""

import argparse
import subprocess
import sys
import time

from rich.console import Console

from hack.demo import http_act, queue_act, recording
from hack.demo.commands import Cluster, CommandFailed
from hack.demo.stage import NAMESPACE, SYSTEM_NAMESPACE, install, prepare_existing, prepare_kind


def main() -> int:
    """Runs the demo; returns the exit status."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--context", help="use this context of your kubeconfig instead of a kind cluster")
    parser.add_argument("--record", action="store_true", help="put what both acts showed into the README")
    arguments = parser.parse_args()
    console = Console(highlight=False)
    acts = recording.console() if arguments.record else console
    began = time.monotonic()
    try:
        cluster = prepare_existing(console, arguments.context) if arguments.context else prepare_kind(console)
        install(console, cluster)
        failure = show(console, acts, cluster)
    except (CommandFailed, subprocess.CalledProcessError) as problem:
        console.print(f"[red]The demo stopped:[/red] {problem}", markup=True)
        return 1
    if arguments.record and not failure:
        recording.write(acts.export_text())
    farewell(console, arguments.context, failure, time.monotonic() - began)
    return 1 if failure else 0


def show(console: Console, acts: Console, cluster: Cluster) -> str:
    """Both acts, one after the other, on a console that may be recorded; what went wrong, or nothing."""
    queue_act.prepare(console, cluster)
    if not queue_act.show(acts, cluster):
        return "The pool did not come back to zero in time."
    http_act.prepare(console, cluster)
    if not http_act.show(acts, cluster):
        return "The model did not answer and come back to zero in time."
    return ""


def farewell(console: Console, context: str | None, failure: str, seconds: float) -> None:
    """Says how it went, what to try next, and how to remove everything."""
    console.rule()
    if failure:
        console.print(f"[red]{failure}[/red]", markup=True)
    else:
        console.print(
            f"[green]0→N→0[/green] by a queue and by a request, {seconds:.0f} s in all.", markup=True
        )
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
