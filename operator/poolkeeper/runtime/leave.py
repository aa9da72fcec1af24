"""`poolkeeper leave`: takes the activators out of all Services, for when the operator is uninstalled."""

import argparse
import asyncio
import logging

from poolkeeper.kube.client import KubeClient
from poolkeeper.kube.endpoint_slices import delete_slice, list_slices
from poolkeeper.kube.errors import KubeFailure
from poolkeeper.runtime.logs import configure_logs

logger = logging.getLogger(__name__)

LOOKS = 3
BETWEEN_LOOKS_SECONDS = 2.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the subcommand."""
    parser.add_argument(
        "--watch-namespace",
        action="append",
        default=[],
        metavar="NAMESPACE",
        help="only there; may be repeated",
    )
    parser.add_argument("--kubeconfig", help="kubeconfig file (default: the pod's service account)")
    parser.add_argument("--context", help="context in the kubeconfig (default: the current one)")


def run(args: argparse.Namespace) -> int:
    """Carries the command out; returns the exit status."""
    configure_logs("info", "text")
    try:
        asyncio.run(_leave(args.kubeconfig, args.context, tuple(args.watch_namespace)))
    except KubeFailure as failure:
        logger.error("The Services could not be left clean: %s", failure)
        return 1
    return 0


async def _leave(kubeconfig: str | None, context: str | None, namespaces: tuple[str, ...]) -> None:
    """Looks more than once: an operator that is just ending may have written a slice meanwhile."""
    async with await KubeClient.from_environment(kubeconfig, context) as client:
        for look in range(LOOKS):
            for each in await list_slices(client, namespaces):
                await delete_slice(client, each)
                logger.info(
                    "Service %s/%s is left to its pods. Pool %s, if at zero, stays there: scale its target.",
                    *(each.pool.namespace, each.service, each.pool),
                )
            if look < LOOKS - 1:
                await asyncio.sleep(BETWEEN_LOOKS_SECONDS)
