"""Secrets that sources of demand name: read one at a time, never listed, watched or kept."""

from base64 import b64decode
from collections.abc import Mapping

from poolkeeper.core.values.failures import SecretUnavailable
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError, KubeFailure
from poolkeeper.kube.transport.fields import Unreadable, labels
from poolkeeper.kube.transport.paths import namespaced_path


async def read_secret(client: KubeClient, namespace: str, name: str) -> Mapping[str, bytes]:
    """All keys of a Secret. Raises SecretUnavailable, whose text never contains the Secret's values."""
    try:
        secret = await client.request("GET", namespaced_path("v1", namespace, "secrets", name))
    except KubeFailure as failure:
        raise _explained(failure, namespace, name) from failure
    try:
        return {key: b64decode(value) for key, value in labels(secret.get("data")).items()}
    except (ValueError, Unreadable):
        message = f"Secret {namespace}/{name} can't be read: its data is not base64 text"
        # Not chained: the error before quotes what it could not decode.
        raise SecretUnavailable("SecretInvalid", message) from None


def _explained(failure: KubeFailure, namespace: str, name: str) -> SecretUnavailable:
    status = failure.status if isinstance(failure, ApiError) else None
    if status == 403:
        return SecretUnavailable(
            "SecretForbidden",
            f"poolkeeper may not read Secret {namespace}/{name}: add {namespace} to the chart's value "
            "secretNamespaces",
        )
    if status == 404:
        return SecretUnavailable(
            "SecretNotFound",
            f"Secret {namespace}/{name} does not exist: create it, or correct the name in the pool's demand",
        )
    return SecretUnavailable(failure.reason, failure.message)
