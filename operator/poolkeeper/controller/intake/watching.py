"""kopf as a watcher of the two kinds: without annotations, finalizers or events."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

import kopf
from kubernetes.aio.client.configuration import Configuration

from poolkeeper.controller.intake.updates import Updates

# By default kopf asks the system for the user's name, which a container's user id does not have.
IDENTITY: Any = "poolkeeper"


class _NoDifferences(kopf.DiffBaseStorage):
    """No handler needs a diff, so kopf must not copy each object twice to make one."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        """Nothing of an object is compared."""
        return cast(kopf.BodyEssence, {})

    def fetch(self, **_: Any) -> None:
        """Nothing is remembered."""

    def store(self, **_: Any) -> None:
        """Nothing is written."""


async def watch_kinds(
    registry: kopf.OperatorRegistry,
    updates: Updates,
    log_in: Callable[[], Awaitable[Configuration]],
    install_signal_handlers: Callable[[], None],
    *,
    namespaces: Sequence[str],
) -> None:
    """Feed `updates` until cancelled. Raises what ends kopf, for example a refused watch."""

    async def connect() -> kopf.ConnectionInfo:
        return await _connection(await log_in())

    others = asyncio.all_tasks()
    tasks = await kopf.spawn_tasks(
        registry=registry,
        settings=_settings(),
        memo=kopf.Memo(updates=updates, log_in=connect),
        identity=IDENTITY,
        standalone=True,
        clusterwide=not namespaces,
        namespaces=namespaces,
    )
    # Replaces the handlers that kopf has just installed, which would keep the lease for 5 s more.
    install_signal_handlers()
    await kopf.run_tasks(tasks, ignored=others)


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.watching.chunk_size = 500
    settings.watching.server_timeout = 300
    settings.watching.connect_timeout = 10
    settings.persistence.diffbase_storage = _NoDifferences()
    settings.queueing.exit_timeout = 0.2
    settings.networking.request_timeout = 30
    settings.networking.error_backoffs = (0.5, 1, 2, 4, 8)
    return settings


async def _connection(configuration: Configuration) -> kopf.ConnectionInfo:
    authentication = (await configuration.auth_settings()).get("BearerToken")
    value = authentication["value"] if authentication else None
    scheme, _, token = (value or "").partition(" ")
    return kopf.ConnectionInfo(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        insecure=not configuration.verify_ssl,
        scheme=scheme if token else None,
        token=token or None,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
    )
