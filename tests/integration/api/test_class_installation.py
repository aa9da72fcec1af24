"""The catalogue on a real API server: installed, brought up to date, left alone where a user has a say."""

import json

from poolkeeper.api.catalogue import catalogue
from poolkeeper.controller.intake.install_classes import install_classes
from poolkeeper.controller.loop.leadership import AlwaysLeading
from poolkeeper.kube.transport.client import KubeClient
from tests.integration.api.conftest import Kubectl


async def test_installs_every_class(kubectl: Kubectl, kube_client: KubeClient) -> None:
    await install_classes(kube_client, AlwaysLeading())
    installed = kubectl("get", "acceleratorclasses", "--output=jsonpath={.items[*].metadata.name}").split()
    assert set(installed) >= {manifest["metadata"]["name"] for manifest in catalogue()}
    assert kubectl("get", "aclass", "nvidia-l4").splitlines()[1].split()[:-1] == [
        *("nvidia-l4", "NVIDIA", "NVIDIA", "L4", "nvidia.com/gpu", "22")
    ]


async def test_installing_again_changes_nothing(kubectl: Kubectl, kube_client: KubeClient) -> None:
    await install_classes(kube_client, AlwaysLeading())
    version = "--output=jsonpath={.metadata.resourceVersion}"
    before = kubectl("get", "aclass", "google-tpu-v6e", version)
    await install_classes(kube_client, AlwaysLeading())
    assert kubectl("get", "aclass", "google-tpu-v6e", version) == before


async def test_a_users_price_stays(kubectl: Kubectl, kube_client: KubeClient) -> None:
    await install_classes(kube_client, AlwaysLeading())
    price = {"name": "g6.xlarge", "amount": "0.50", "source": "our contract", "date": "2026-11-24"}
    patch = json.dumps({"spec": {"prices": [price]}})
    kubectl("patch", "aclass", "nvidia-l4", "--type=merge", f"--patch={patch}")
    await install_classes(kube_client, AlwaysLeading())
    assert "0.50" in kubectl("get", "aclass", "nvidia-l4", "--output=jsonpath={.spec.prices}")


async def test_a_deleted_class_comes_back(kubectl: Kubectl, kube_client: KubeClient) -> None:
    await install_classes(kube_client, AlwaysLeading())
    kubectl("delete", "aclass", "cpu")
    await install_classes(kube_client, AlwaysLeading())
    assert kubectl("get", "aclass", "cpu", "--output=name")
