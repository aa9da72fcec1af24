"""`poolkeeper classes`: what it shows of classes, of the nodes that are of them, and where it can't look."""

import asyncio
import json
from argparse import ArgumentParser, Namespace
from typing import Any, cast

import pytest
import yaml

from poolkeeper.advice.nodes import Match, Node
from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.api.catalogue import catalogue
from poolkeeper.commands import classes
from poolkeeper.commands.class_table import Listed, dollars, entry, offer_of, table
from poolkeeper.commands.classes import Found
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError

CATALOGUE = {
    manifest["metadata"]["name"]: AcceleratorClassSpec.model_validate(manifest["spec"])
    for manifest in catalogue()
}
NODES = (
    Node("gke-1", {"cloud.google.com/gke-accelerator": "nvidia-l4"}, {"nvidia.com/gpu": 1}),
    Node("gke-2", {"cloud.google.com/gke-accelerator": "nvidia-l4"}, {"nvidia.com/gpu": 1}),
    Node("gaudi-1", {}, {"habana.ai/gaudi": 8}),
)


def show(
    capsys: pytest.CaptureFixture[str], *arguments: str, found: Found | None = None
) -> tuple[int, str, str]:
    """Exit status, output and remarks of a command line, on a cluster with the catalogue and three nodes."""
    parser = ArgumentParser()
    classes.add_arguments(parser)

    async def look(_: Namespace) -> Found:
        return found or Found(CATALOGUE, NODES)

    status = classes.run(parser.parse_args(arguments), look)
    shown = capsys.readouterr()
    return status, shown.out, shown.err


def test_a_table_like_kubectl(capsys: pytest.CaptureFixture[str]) -> None:
    status, shown, _ = show(capsys, "nvidia-l4", "nvidia-h100-mig-1g.10gb", "intel-gaudi3", "google-tpu-v4")
    assert status == 0
    assert [line.split() for line in shown.splitlines()] == [
        ["NAME", "VENDOR", "RESOURCE", "MEMORY", "WATTS", "PRICE/CHIP-H", "MARKET", "DATE", "NODES", "UNITS"],
        ["google-tpu-v4", "Google", "google.com/tpu", *["<none>"] * 5, "0", "0"],
        ["intel-gaudi3", "Intel", "habana.ai/gaudi", "128Gi", "900", *["<none>"] * 3, "1?", "8?"],
        [
            *("nvidia-h100-mig-1g.10gb", "NVIDIA", "nvidia.com/mig-1g.10gb", "10Gi", "100"),
            *("$0.982858", "OnDemand", "2026-07-20", "0", "0"),
        ],
        [
            *("nvidia-l4", "NVIDIA", "nvidia.com/gpu", "22Gi", "72"),
            *("$0.76", "OnDemand", "2026-06-23", "2", "2"),
        ],
    ]


def test_wide_names_the_nodes_and_what_is_unverified(capsys: pytest.CaptureFixture[str]) -> None:
    _, shown, _ = show(capsys, "nvidia-l4", "--output=wide")
    assert "gke-1,gke-2" in shown
    assert "wattsPerChip" in shown


@pytest.mark.parametrize(("output", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_for_programs(capsys: pytest.CaptureFixture[str], output: str, read: Any) -> None:
    _, shown, _ = show(capsys, "nvidia-l4", "-o", output)
    (found,) = read(shown)["items"]
    assert found["nodes"] == [{"name": "gke-1", "units": 1}, {"name": "gke-2", "units": 1}]
    assert (found["dollarsPerChipHour"], found["wattsPerChip"], found["purpose"]) == ("0.76", 72, "Any")
    assert "partOf" not in found


def test_only_those_with_nodes(capsys: pytest.CaptureFixture[str]) -> None:
    _, shown, _ = show(capsys, "--matching", "-o", "json")
    assert [each["name"] for each in json.loads(shown)["items"]] == [
        *("cpu", "intel-gaudi2", "intel-gaudi3", "nvidia-l4")
    ]


def test_a_class_that_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    status, shown, said = show(capsys, "nvidia-l4", "nvidia-l5")
    assert status == 1
    assert "nvidia-l4" in shown
    assert said == "Error: there is no class 'nvidia-l5'\n"


def test_where_nodes_can_not_be_read_nothing_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    found = Found(CATALOGUE, None, ("no nodes",))
    _, shown, said = show(capsys, "nvidia-l4", found=found)
    assert shown.splitlines()[1].split()[-2:] == ["<unknown>", "<unknown>"]
    assert said == "no nodes\n"
    _, shown, _ = show(capsys, "nvidia-l4", "-o", "json", found=found)
    assert "nodes" not in json.loads(shown)["items"][0]


def test_without_a_cluster_the_catalogue_is_shown(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    kubeconfig = tmp_path / "none"
    found = asyncio.run(classes.look_at_cluster(Namespace(kubeconfig=str(kubeconfig), context=None)))
    assert set(found.classes) == set(CATALOGUE)
    assert found.nodes is None
    (said,) = found.remarks
    assert said.startswith("The cluster can't be reached (")
    assert said.endswith("these are the classes of this version's catalogue, without nodes.")


class Server:
    """Answers with a status, or with these objects."""

    def __init__(self, answer: int | list[Any]) -> None:
        self._answer = answer

    async def request(self, *_: Any, **__: Any) -> dict[str, Any]:
        if isinstance(self._answer, int):
            raise ApiError(self._answer, "Refused", "you may not")
        return {"items": self._answer}


async def test_a_missing_right_is_named() -> None:
    nodes, said = await classes._nodes(cast(KubeClient, Server(403)))
    assert nodes is None
    assert said == ["The nodes can't be read: you may not. It needs the right to list nodes."]


@pytest.mark.parametrize(
    ("status", "why"), [(404, "it does not know AcceleratorClasses"), (403, "you may not")]
)
async def test_a_cluster_without_classes(status: int, why: str) -> None:
    found, said = await classes._classes(cast(KubeClient, Server(status)))
    assert set(found) == set(CATALOGUE)
    assert said == [f"The cluster's classes can't be read ({why}): these are this version's."]


async def test_a_class_of_another_version_is_left_out() -> None:
    odd = {"metadata": {"name": "odd"}, "spec": {"vendor": 1}}
    fine = {"metadata": {"name": "fine"}, "spec": {"vendor": "V", "displayName": "D"}}
    found, said = await classes._classes(cast(KubeClient, Server([odd, fine])))
    assert set(found) == {"fine"}
    assert said == ["Class odd is left out, it is of another version: 2 errors."]


def test_what_the_owner_pays_is_shown() -> None:
    spec = CATALOGUE["nvidia-l4"].model_copy(update={"dollars_per_chip_hour": "0.5"})
    assert offer_of(spec, {}) == ("0.50", "Paid", "")


def test_a_text_that_controls_a_terminal_does_nothing() -> None:
    spec = AcceleratorClassSpec.model_validate({"vendor": "\x1b[2J\n", "displayName": "x"})
    assert "\x1b" not in table([Listed("odd", spec)], {}, wide=True)


@pytest.mark.parametrize(("micro", "written"), [(6_880_000, "6.88"), (1, "0.000001"), (2_000_000, "2.00")])
def test_dollars(micro: int, written: str) -> None:
    assert dollars(micro) == written


def test_every_class_of_the_catalogue_can_be_shown() -> None:
    listed = [Listed(name, spec, [Match("n", 1)]) for name, spec in CATALOGUE.items()]
    assert len(table(listed, CATALOGUE, wide=True).splitlines()) == len(CATALOGUE) + 1
    assert all(entry(each, CATALOGUE)["nodes"] for each in listed)
