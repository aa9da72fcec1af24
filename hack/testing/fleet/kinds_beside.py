"""Kinds of other projects that are installed beside Poolkeeper, without their controllers."""

from pathlib import Path

import yaml

from hack.testing.kinds import create_if_missing
from hack.testing.waiting import eventually
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError
from poolkeeper.kube.transport.paths import api_path


async def install(client: KubeClient, kind: str) -> None:
    """Makes the API server serve `leaderworkerset` or `scaledobject`."""
    manifest = yaml.safe_load(Path(__file__).with_name(f"{kind}.yaml").read_text())
    await create_if_missing(client, "apiextensions.k8s.io/v1", "customresourcedefinitions", manifest)
    spec = manifest["spec"]
    path = api_path(f"{spec['group']}/{spec['versions'][0]['name']}", spec["names"]["plural"])

    async def is_served() -> bool:
        try:
            await client.request("GET", path)
        except ApiError:
            return False
        return True

    await eventually(is_served, f"{kind} is served", 20)
