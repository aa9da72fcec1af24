"""Shows pools go from zero to N replicas and back on a real cluster, from nothing but this checkout.

    make demo                 in a new kind cluster; a replay is shown while the cluster is prepared
    make demo CONTEXT=name IMAGE_REGISTRY=registry    in your own cluster, with images that
                                                      `hack/cluster push registry` has pushed

The exit status is 0 only if both acts succeed: jobs in a queue take a pool up and back to zero, and a model
at zero answers a request and goes back to zero.
"""

import argparse
import subprocess
import sys
import time

from rich.console import Console

from hack.demo import farewell, http_act, queue_act, recording
from hack.demo.commands import CommandFailed, KubectlCluster
from hack.demo.stage import install, prepare_existing, prepare_kind


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
        farewell.say_what_stopped_it(console, problem)
        farewell.say_what_is_missing(console, arguments.context)
        return 1
    if arguments.record and not failure:
        recording.write(acts.export_text())
    farewell.say_how_it_went(console, failure, time.monotonic() - began)
    if failure:
        farewell.say_what_is_missing(console, arguments.context)
    farewell.say_what_to_try(console, arguments.context)
    farewell.say_how_to_remove(console, arguments.context)
    return 1 if failure else 0


def show(console: Console, acts: Console, cluster: KubectlCluster) -> str:
    """Both acts, one after the other, on a console that may be recorded; the failure, or an empty text."""
    queue_act.prepare(console, cluster)
    if not queue_act.show(acts, cluster):
        return "The pool did not come back to zero in time."
    http_act.prepare(console, cluster)
    if not http_act.show(acts, cluster):
        return "The model did not answer and come back to zero in time."
    return ""


if __name__ == "__main__":
    sys.exit(main())
