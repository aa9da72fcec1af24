"""What the demo prints at its end: success or failure, what to try next, how to remove everything."""

from collections.abc import Callable

from rich.console import Console
from rich.text import Text

from hack.demo import images
from hack.demo.commands import CommandFailed, KubectlCluster, existing_cluster
from hack.demo.stage import NAMESPACE, SYSTEM_NAMESPACE
from poolkeeper.api.base import GROUP
from poolkeeper.api.crds.kinds import KINDS

CRDS = tuple(f"{kind.plural}.{GROUP}" for kind in KINDS)


def say_how_it_went(console: Console, failure: str, seconds: float) -> None:
    """One line."""
    console.rule()
    if failure:
        console.print(f"[red]{failure}[/red]", markup=True)
    else:
        console.print(f"[green]0→N→0[/green] by a queue and by a request, in {seconds:.0f} s.", markup=True)


def say_what_to_try(console: Console, context: str | None) -> None:
    """Commands to go on with."""
    console.print("\nTry next:")
    for command in [
        *([] if context else ['eval "$(hack/cluster env)"']),
        f"{_kubectl(context)} get acceleratorpools -n {NAMESPACE}",
        f"{_kubectl(context)} describe acceleratorpool worker -n {NAMESPACE}",
        f"{_kubectl(context)} exec -n {NAMESPACE} deploy/redis -- redis-cli RPUSH jobs a b c",
    ]:
        console.print(f"  {command}", markup=False)


def say_how_to_remove(console: Console, context: str | None) -> None:
    """Commands that undo what the demo did; in your own cluster also for what helm leaves behind."""
    console.print("Remove everything:")
    if context is None:
        console.print("  hack/cluster down --all", markup=False)
        return
    for line in [
        f"  helm --kube-context {context} uninstall poolkeeper -n {SYSTEM_NAMESPACE}",
        f"  {_kubectl(context)} delete namespace {NAMESPACE} {SYSTEM_NAMESPACE}",
        "helm keeps the CRDs (value crds.keep), and with them the AcceleratorClasses and the pools of other",
        "namespaces. This removes all of these too:",
        f"  {_kubectl(context)} delete crd {' '.join(CRDS)}",
    ]:
        console.print(line, markup=False)


def say_what_stopped_it(console: Console, problem: Exception) -> None:
    """The error of the command that failed."""
    console.print(Text.assemble(("The demo stopped:", "red"), f" {problem}"))


def say_what_is_missing(
    console: Console, context: str | None, cluster: Callable[[str], KubectlCluster] = existing_cluster
) -> None:
    """What to do if pods in your own cluster wait for images; prints nothing if none does."""
    if context is None:
        return
    try:
        missing = images.unobtainable(cluster(context), (SYSTEM_NAMESPACE, NAMESPACE))
    except CommandFailed:
        return
    for line in images.advice(missing, context) if missing else ():
        console.print(line, markup=False)


def _kubectl(context: str | None) -> str:
    return f"kubectl --context {context}" if context else "kubectl"
