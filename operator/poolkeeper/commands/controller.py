"""`poolkeeper controller`: runs one replica of the operator."""

import asyncio
import gc
import logging
import os
from argparse import ArgumentParser, Namespace
from pathlib import Path

from poolkeeper.commands.flags import (
    add_connection_arguments,
    add_instance_arguments,
    add_log_arguments,
)
from poolkeeper.controller.app import Options, run_controller
from poolkeeper.controller.front.activators import ActivatorSettings
from poolkeeper.controller.intake import handlers
from poolkeeper.kube.transport.errors import KubeFailure
from poolkeeper.logs import configure_logs

logger = logging.getLogger(__name__)

GARBAGE_THRESHOLD = 10_000
"""New objects between two garbage collections; Python's default of 700 suits smaller programs."""


def add_arguments(parser: ArgumentParser) -> None:
    add_instance_arguments(parser)
    parser.add_argument(
        "--identity",
        default=os.environ.get("POD_NAME", ""),
        help="name of this replica in the lease and in events (default: POD_NAME, else the host name)",
    )
    parser.add_argument(
        "--listen",
        default="0.0.0.0:8080",
        metavar="HOST:PORT",
        help="address of /healthz, /readyz and /metrics (default: %(default)s)",
    )
    _add_address_arguments(parser)
    _add_activator_arguments(parser)
    add_log_arguments(parser)
    add_connection_arguments(parser)
    parser.add_argument(
        "--no-leader-election",
        action="store_true",
        help="write without a lease; only where a single replica runs, as on a developer's machine",
    )
    parser.add_argument(
        "--install-classes",
        action="store_true",
        help="apply the AcceleratorClasses that come with the operator",
    )


def _add_address_arguments(parser: ArgumentParser) -> None:
    for name, meaning in (
        ("allow", "connect to queues only in"),
        ("deny", "connect to no queue in"),
    ):
        parser.add_argument(
            f"--{name}-cidr",
            action="append",
            default=[],
            metavar="CIDR",
            help=f"{meaning} this network; may be repeated",
        )


def _add_activator_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--activator-token-file",
        type=Path,
        metavar="FILE",
        help="file with the token shared with the activators (default: there are no activators)",
    )
    parser.add_argument(
        "--activator-selector",
        default="app.kubernetes.io/component=activator",
        metavar="LABELS",
        help="labels of the activators' pods in --namespace (default: %(default)s)",
    )
    parser.add_argument(
        "--activator-port",
        type=int,
        default=8082,
        help="port of the activators for the controller (%(default)s)",
    )


def _activators(args: Namespace) -> ActivatorSettings | None:
    if args.activator_token_file is None:
        return None
    return ActivatorSettings(
        args.namespace, args.activator_selector, args.activator_port, args.activator_token_file
    )


def run(args: Namespace) -> int:
    """Carries the command out; returns the exit status."""
    configure_logs(args.log_level, args.log_format)
    _spare_garbage_collection()
    options = Options(
        namespace=args.namespace,
        watch_namespaces=tuple(args.watch_namespace),
        lease_name=args.lease_name,
        identity=args.identity,
        listen=args.listen,
        allowed_cidrs=tuple(args.allow_cidr),
        denied_cidrs=tuple(args.deny_cidr),
        kubeconfig=args.kubeconfig,
        context=args.context,
        elects_leader=not args.no_leader_election,
        installs_classes=args.install_classes,
        activators=_activators(args),
    )
    asyncio.run(_run_and_exit(options))
    return 0


def _spare_garbage_collection() -> None:
    """Collect less often, and never what is imported now: with 1,000 pools, collections took a sixth of the
    time of a start."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 20)


async def _run_and_exit(options: Options) -> None:
    """Ends the process as soon as the lease is freed: kopf's tasks would take seconds to end."""
    status = 1
    try:
        await run_controller(options, handlers.registry)
        status = 0
    except (KubeFailure, ValueError, OSError) as error:
        logger.error("The controller can't run: %s", error)
    except Exception:
        logger.exception("The controller has failed")
    finally:
        logging.shutdown()
        os._exit(status)
