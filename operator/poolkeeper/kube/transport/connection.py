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
    """Where the API server is and who we are; called again whenever the API server no longer believes us.

    A kubeconfig or context that is given wins, then the pod's service account, then KUBECONFIG or
    ~/.kube/config. Raises CredentialsMissing.
    """
    # With the environment, aiohttp also reads ~/.netrc, in a thread and before each single request.
    configuration = Configuration(
        connection_pool_maxsize=CONNECTIONS, client_session_kwargs={"trust_env": False}
    )
    is_in_pod = kubeconfig is None and context is None and "KUBERNETES_SERVICE_HOST" in os.environ
    location = kubeconfig or os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    try:
        if is_in_pod:
            load_incluster_config(client_configuration=configuration)
        else:
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


async def _load_kubeconfig(configuration: Configuration, location: str, context: str | None) -> None:
    await load_kube_config(
        config_file=location, context=context, client_configuration=configuration, persist_config=False
    )
    # An exec plugin that fails is only logged by the loader; without this we would go on as nobody.
    is_anonymous = not configuration.api_key and not configuration.cert_file
    if is_anonymous and configuration.host.startswith("https:"):
        raise ConfigException("it gives no credentials (if it names a plugin, run that by hand)")


def _proxy_from_environment(url: str) -> str | None:
    """What HTTPS_PROXY, HTTP_PROXY and NO_PROXY say about the API server."""
    server = urlsplit(url)
    if proxy_bypass(server.netloc):
        return None
    return getproxies().get(server.scheme)
