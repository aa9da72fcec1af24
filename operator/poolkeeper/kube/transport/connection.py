"""How the API server is reached: the pod's service account, or a kubeconfig with all that it may hold."""

import os
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config
from yaml import YAMLError

from poolkeeper.kube.transport.errors import CredentialsMissing

CONNECTIONS = 200
"""Open connections at most: one per watch (about fifty) and one per request under way."""


async def log_in(kubeconfig: str | None = None, context: str | None = None) -> Configuration:
    """URL and credentials of the API server; called again when the API server refuses the credentials.

    The order: the given kubeconfig or context, the pod's service account, KUBECONFIG, ~/.kube/config. Raises
    CredentialsMissing.
    """
    # With trust_env, aiohttp also reads ~/.netrc before each request, in a thread.
    configuration = Configuration(
        connection_pool_maxsize=CONNECTIONS, client_session_kwargs={"trust_env": False}
    )
    is_in_pod = kubeconfig is None and context is None and "KUBERNETES_SERVICE_HOST" in os.environ
    location = kubeconfig or os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    try:
        if is_in_pod:
            load_incluster_config(client_configuration=configuration)
        else:
            _look_for(location)
            await _load_kubeconfig(configuration, location, context)
    except (ConfigException, OSError, YAMLError) as failure:
        place = "this pod's service account" if is_in_pod else location
        raise CredentialsMissing(
            "CredentialsMissing",
            f"{place} does not say how to reach an API server: {failure}; run in a pod with one, "
            "or name a file with --kubeconfig",
        ) from failure
    configuration.proxy = configuration.proxy or _proxy_from_environment(configuration.host)
    return configuration


def _look_for(location: str) -> None:
    """Raises ConfigException where no file is. The loader would print that on stdout, and then say that a key
    is missing."""
    if not any(Path(each).exists() for each in location.split(os.pathsep)):
        raise ConfigException("there is no such file")


async def _load_kubeconfig(configuration: Configuration, location: str, context: str | None) -> None:
    await load_kube_config(
        config_file=location, context=context, client_configuration=configuration, persist_config=False
    )
    # The loader only logs a failed exec plugin, and would go on without credentials.
    is_anonymous = not configuration.api_key and not configuration.cert_file
    if is_anonymous and configuration.host.startswith("https:"):
        raise ConfigException(
            "it gives no credentials (if it names a plugin, run that plugin by hand to see its error)"
        )


def _proxy_from_environment(url: str) -> str | None:
    """What HTTPS_PROXY, HTTP_PROXY and NO_PROXY say about the API server."""
    server = urlsplit(url)
    if proxy_bypass(server.netloc):
        return None
    return getproxies().get(server.scheme)
