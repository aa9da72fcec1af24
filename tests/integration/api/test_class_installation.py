"""The catalogue on a real API server: installed, brought up to date, left alone where a user has a say."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.api.base import API_VERSION
from poolkeeper.api.catalogue import catalogue
from poolkeeper.controller.intake.install_classes import install_classes
from poolkeeper.controller.loop.leadership import AlwaysLeading
from poolkeeper.core.values.unit_cost import unit_cost
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.paths import api_path
from tests.integration.api.conftest import Kubectl

Json = dict[str, Any]
PRODUCT = "nvidia.com/gpu.product"


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


async def test_only_what_the_owner_has_set_stays(kubectl: Kubectl, kube_client: KubeClient) -> None:
    """Of everything else, an update of the operator brings the new figures."""
    before = the_class("nvidia-l4")
    before["spec"] |= {"memoryGiBPerChip": 1, "wattsPerChip": 1, "displayName": "Old name"}
    await apply(kube_client, before)
    kubectl("patch", "aclass", "nvidia-l4", "--type=merge", '--patch={"spec":{"memoryGiBPerChip":23}}')

    await install_classes(kube_client, AlwaysLeading())

    stored = read(kubectl, "nvidia-l4")
    assert (stored["memoryGiBPerChip"], stored["wattsPerChip"]) == (23, 72)
    assert stored["displayName"] == "NVIDIA L4"
    cited = {source["figure"] for source in stored["sources"]}
    assert "wattsPerChip" in cited
    assert "memoryGiBPerChip" not in cited, "the figure is no longer the one that the source gives"


async def test_a_users_price_stays(kubectl: Kubectl, kube_client: KubeClient) -> None:
    await install_classes(kube_client, AlwaysLeading())
    price = {"name": "g6.xlarge", "amount": "0.50", "source": "our contract", "date": "2026-11-24"}
    patch = json.dumps({"spec": {"prices": [price]}})
    kubectl("patch", "aclass", "nvidia-l4", "--type=merge", f"--patch={patch}")
    await install_classes(kube_client, AlwaysLeading())
    (stored,) = read(kubectl, "nvidia-l4")["prices"]
    assert (stored["amount"], stored["source"]) == ("0.50", "our contract")
    assert "region" not in stored


async def test_an_edited_amount_stays_and_other_prices_are_updated(
    kubectl: Kubectl, kube_client: KubeClient
) -> None:
    before = the_class("nvidia-h100")
    for price in before["spec"]["prices"]:
        price["amount"] = "1.00"
    await apply(kube_client, before)
    kubectl(
        *("patch", "aclass", "nvidia-h100", "--type=json"),
        '--patch=[{"op":"replace","path":"/spec/prices/1/amount","value":"40.00"}]',
    )

    await install_classes(kube_client, AlwaysLeading())

    small, large = read(kubectl, "nvidia-h100")["prices"]
    assert (small["name"], small["amount"]) == ("p5.4xlarge", "6.88")
    assert (large["name"], large["amount"], large["chips"]) == ("p5.48xlarge", "40.00", 8)


async def test_what_the_owner_pays_never_stands_in_the_way(kubectl: Kubectl, kube_client: KubeClient) -> None:
    await install_classes(kube_client, AlwaysLeading())
    patch = '--patch={"spec":{"dollarsPerChipHour":"0.42","market":"Reserved"}}'
    kubectl("patch", "aclass", "nvidia-t4", "--type=merge", patch)
    await install_classes(kube_client, AlwaysLeading())
    stored = read(kubectl, "nvidia-t4")
    assert (stored["dollarsPerChipHour"], stored["market"]) == ("0.42", "Reserved")
    assert unit_cost(AcceleratorClassSpec.model_validate(stored)).micro_dollars_per_hour == 420_000


async def test_the_owner_says_how_many_share_a_gpu(kubectl: Kubectl, kube_client: KubeClient) -> None:
    await install_classes(kube_client, AlwaysLeading())
    patch = '--patch={"spec":{"partOf":{"partsPerChip":4}}}'
    kubectl("patch", "aclass", "nvidia-l4-shared", "--type=merge", patch)
    await install_classes(kube_client, AlwaysLeading())
    stored = AcceleratorClassSpec.model_validate(read(kubectl, "nvidia-l4-shared"))
    whole = {"nvidia-l4": AcceleratorClassSpec.model_validate(the_class("nvidia-l4")["spec"])}
    assert unit_cost(stored, whole) == (190_000, 18)


async def test_a_class_of_another_tool_stays_and_gets_what_it_lacks(
    kubectl: Kubectl, kube_client: KubeClient
) -> None:
    kubectl("delete", "aclass", "aws-graviton", "--ignore-not-found")
    mine = {"apiVersion": API_VERSION, "kind": "AcceleratorClass", "metadata": {"name": "aws-graviton"}}
    spec = {"vendor": "AWS", "displayName": "Ours", "nodeLabels": [{"key": "ours", "values": ["yes"]}]}
    kubectl(
        "apply", "--server-side", "--field-manager=argocd", "--filename=-", manifest={**mine, "spec": spec}
    )

    await install_classes(kube_client, AlwaysLeading())
    kubectl(
        "apply", "--server-side", "--field-manager=argocd", "--filename=-", manifest={**mine, "spec": spec}
    )

    stored = read(kubectl, "aws-graviton")
    assert stored["displayName"] == "Ours"
    assert stored["architecture"] == "arm64"
    assert {label["key"] for label in stored["nodeLabels"]} == {"ours", "kubernetes.io/arch"}


@pytest.fixture
def previous(kubectl: Kubectl) -> Iterator[Json]:
    """A class as the previous version of the catalogue applied it, on an empty API server."""
    kubectl("delete", "aclass", "nvidia-h100", "--ignore-not-found")
    yield {
        "apiVersion": API_VERSION,
        "kind": "AcceleratorClass",
        "metadata": {"name": "nvidia-h100", "labels": {"app.kubernetes.io/managed-by": "poolkeeper"}},
        "spec": {
            "vendor": "NVIDIA",
            "displayName": "NVIDIA H100",
            "resourceName": "nvidia.com/gpu",
            "otherResourceNames": ["nvidia.com/gpu.shared", "nvidia.com/mig-*"],
            "nodeLabels": [
                {"key": PRODUCT, "values": ["NVIDIA-H100-80GB-HBM3", "H100-SXM5-80GB", "NVIDIA-H100-PCIe"]},
                {"key": "karpenter.k8s.aws/instance-gpu-name", "values": ["h100"]},
            ],
            "taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}],
            "memoryGiBPerChip": 80,
            "wattsPerChip": 700,
            "prices": [
                {
                    "name": "p5.4xlarge",
                    "amount": "6.88",
                    "region": "us-east-1",
                    "source": "a list",
                    "date": "2026",
                },
                {"name": "gone", "amount": "1.00", "source": "a list", "date": "2026"},
            ],
            "sources": [
                {"figure": "wattsPerChip", "source": "a data sheet", "date": "2026", "verified": False}
            ],
        },
    }
    kubectl("delete", "aclass", "nvidia-h100", "--ignore-not-found")


async def test_a_class_of_the_previous_version_is_brought_up_to_date(
    kubectl: Kubectl, kube_client: KubeClient, previous: Json
) -> None:
    await apply(kube_client, previous)
    kubectl("patch", "aclass", "nvidia-h100", "--type=merge", '--patch={"spec":{"wattsPerChip":650}}')

    await install_classes(kube_client, AlwaysLeading())

    stored, wanted = read(kubectl, "nvidia-h100"), the_class("nvidia-h100")["spec"]
    assert stored["wattsPerChip"] == 650
    assert stored["displayName"] == "NVIDIA H100 SXM"
    products = {label["key"]: label["values"] for label in stored["nodeLabels"]}[PRODUCT]
    assert products == ["NVIDIA-H100-80GB-HBM3", "H100-SXM5-80GB"]
    assert [price["name"] for price in stored["prices"]] == ["p5.4xlarge", "p5.48xlarge"]
    assert stored["machineTypes"] == wanted["machineTypes"]


async def test_a_deleted_class_comes_back(kubectl: Kubectl, kube_client: KubeClient) -> None:
    await install_classes(kube_client, AlwaysLeading())
    kubectl("delete", "aclass", "cpu")
    await install_classes(kube_client, AlwaysLeading())
    assert kubectl("get", "aclass", "cpu", "--output=name")


def the_class(name: str) -> Json:
    (found,) = (manifest for manifest in catalogue() if manifest["metadata"]["name"] == name)
    return dict(found)


def read(kubectl: Kubectl, name: str) -> Json:
    return dict(json.loads(kubectl("get", "aclass", name, "--output=json"))["spec"])


async def apply(client: KubeClient, manifest: Json) -> None:
    """Applies a class as the operator does, over what is there."""
    query = [("fieldManager", "poolkeeper"), ("force", "true")]
    path = api_path(API_VERSION, "acceleratorclasses", manifest["metadata"]["name"])
    content_type = "application/apply-patch+yaml"
    await client.request("PATCH", path, query=query, body=manifest, content_type=content_type)
