"""Secrets that sources of demand name, read one at a time."""

from base64 import b64decode
from collections.abc import Mapping

from poolkeeper.core.values.failures import SecretUnavailable
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError, ApiUnreachable
from poolkeeper.kube.transport.fields import Unreadable, labels
from poolkeeper.kube.transport.paths import namespaced_path


class SecretReader:
    """Reads Secrets by name; never lists or watches them, and keeps nothing."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def read_secret(self, namespace: str, name: str) -> Mapping[str, bytes]:
        """All keys of a Secret. Raises SecretUnavailable, whose text never contains the Secret's values."""
        try:
            secret = await self._client.request("GET", namespaced_path("v1", namespace, "secrets", name))
        except ApiUnreachable as failure:
            raise SecretUnavailable(failure.reason, failure.message) from failure
        except ApiError as failure:
            raise _explained(failure, namespace, name) from failure
        try:
            return {key: b64decode(value) for key, value in labels(secret.get("data")).items()}
        except (ValueError, Unreadable):
            message = f"Secret {namespace}/{name} can't be read: its data are no texts in base64"
            # Not chained: the error before quotes what it could not decode.
            raise SecretUnavailable("SecretInvalid", message) from None


def _explained(failure: ApiError, namespace: str, name: str) -> SecretUnavailable:
    if failure.status == 403:
        return SecretUnavailable(
            "SecretForbidden",
            f"poolkeeper may not read Secret {namespace}/{name}: add {namespace} to the chart's value "
            "secretNamespaces",
        )
    if failure.status == 404:
        return SecretUnavailable(
            "SecretNotFound",
            f"Secret {namespace}/{name} does not exist: create it, or correct the name in the pool's demand",
        )
    return SecretUnavailable(failure.reason, failure.message)
