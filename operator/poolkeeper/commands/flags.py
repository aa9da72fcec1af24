"""Flags that several commands share."""

import os
from argparse import ArgumentParser

from poolkeeper.logs import FORMATS, LEVELS


def add_instance_arguments(parser: ArgumentParser) -> None:
    """Which operator is meant: its namespace, its lease, and the namespaces of its pools."""
    parser.add_argument(
        "--namespace",
        default=os.environ.get("POD_NAMESPACE", "default"),
        help="namespace of the controller and of its lease (default: POD_NAMESPACE, else default)",
    )
    parser.add_argument("--lease-name", default="poolkeeper", help="name of the lease (default: %(default)s)")
    parser.add_argument(
        "--watch-namespace",
        action="append",
        default=[],
        metavar="NAMESPACE",
        help="manage only pools of this namespace; may be repeated (default: all namespaces)",
    )


def add_connection_arguments(parser: ArgumentParser) -> None:
    """How the API server is reached."""
    parser.add_argument(
        "--kubeconfig",
        help="kubeconfig file (default: the pod's service account, else KUBECONFIG or ~/.kube/config)",
    )
    parser.add_argument("--context", help="context in the kubeconfig (default: the current one)")


def add_log_arguments(parser: ArgumentParser) -> None:
    """How much is logged, and in which form; upper case is accepted too."""
    parser.add_argument(
        "--log-level",
        type=str.lower,
        default="info",
        choices=LEVELS,
        help="log lines of this level and above (default: %(default)s)",
    )
    parser.add_argument(
        "--log-format",
        type=str.lower,
        default="json",
        choices=FORMATS,
        help="format of a log line (default: %(default)s)",
    )
