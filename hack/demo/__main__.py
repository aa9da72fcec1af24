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
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console

from hack.demo import farewell, http_act, queue_act, recording
from hack.demo.commands import CommandFailed, KubectlCluster, existing_cluster
from hack.demo.stage import install, prepare_existing, prepare_kind


@dataclass(frozen=True)
class Act:
    """A part of the demo; `show` says whether all went well, `failure` what is said if it did not."""

    prepare: Callable[[Console, KubectlCluster], None]
    show: Callable[[Console, KubectlCluster], bool]
    failure: str


QUEUE_ACT = Act(queue_act.prepare, queue_act.show, "The pool did not come back to zero in time.")
HTTP_ACT = Act(http_act.prepare, http_act.show, "The model did not answer and come back to zero in time.")


@dataclass(frozen=True)
class Steps:
    """What the demo does, step by step."""

    prepare_kind: Callable[[Console], KubectlCluster] = prepare_kind
    prepare_existing: Callable[[Console, str], KubectlCluster] = prepare_existing
    existing_cluster: Callable[[str], KubectlCluster] = existing_cluster
    install: Callable[[Console, KubectlCluster], None] = install
    acts: tuple[Act, ...] = (QUEUE_ACT, HTTP_ACT)
    record: Callable[[str], None] = recording.write


def main(arguments: Sequence[str], steps: Steps = Steps()) -> int:
    """Runs the demo; returns the exit status."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--context", help="use this context of your kubeconfig instead of a kind cluster")
    parser.add_argument("--record", action="store_true", help="put what both acts showed into the README")
    options = parser.parse_args(arguments)
    console = Console(highlight=False)
    acts = recording.console() if options.record else console
    began = time.monotonic()
    try:
        if options.context:
            cluster = steps.prepare_existing(console, options.context)
        else:
            cluster = steps.prepare_kind(console)
        steps.install(console, cluster)
        failure = show(console, acts, cluster, steps.acts)
    except (CommandFailed, subprocess.CalledProcessError) as problem:
        farewell.say_what_stopped_it(console, problem)
        farewell.say_what_is_missing(console, options.context, steps.existing_cluster)
        return 1
    if options.record and not failure:
        steps.record(acts.export_text())
    farewell.say_how_it_went(console, failure, time.monotonic() - began)
    if failure:
        farewell.say_what_is_missing(console, options.context, steps.existing_cluster)
    farewell.say_what_to_try(console, options.context)
    farewell.say_how_to_remove(console, options.context)
    return 1 if failure else 0


def show(console: Console, shown: Console, cluster: KubectlCluster, acts: Iterable[Act]) -> str:
    """One act after the other, on a console that may be recorded; the failure, or an empty text."""
    for act in acts:
        act.prepare(console, cluster)
        if not act.show(shown, cluster):
            return act.failure
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
