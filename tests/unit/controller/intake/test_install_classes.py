"""A class that the API server refuses for good keeps no other class back."""

from typing import Any, cast

import pytest

from poolkeeper.api.catalogue import catalogue
from poolkeeper.controller.intake.install_classes import install_classes
from poolkeeper.controller.loop.leadership import AlwaysLeading
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError


class Server:
    """Refuses one class; counts what is asked of each."""

    def __init__(self, refused: str, status: int, message: str = "no", times: int = 1_000) -> None:
        self.asked: list[tuple[str, str]] = []
        self._refused = refused
        self._status, self._message = status, message
        self._times = times

    async def request(self, method: str, path: str, **_: Any) -> dict[str, Any]:
        name = path.rpartition("/")[2]
        self.asked.append((method, name))
        if method == "PATCH" and name == self._refused and self._times:
            self._times -= 1
            raise ApiError(self._status, "Refused", self._message)
        return {}


async def test_an_invalid_class_is_left_out() -> None:
    server = Server("nvidia-t4", 422)
    await install_classes(cast(KubeClient, server), AlwaysLeading())

    assert server.asked == [("PATCH", manifest["metadata"]["name"]) for manifest in catalogue()]


async def test_a_class_that_others_keep_editing_is_left_out() -> None:
    server = Server("nvidia-t4", 409)
    await install_classes(cast(KubeClient, server), AlwaysLeading())

    assert server.asked.count(("PATCH", "nvidia-t4")) == 4
    assert server.asked[-1] == ("PATCH", "cpu")


@pytest.mark.virtual_time
async def test_a_class_with_fields_that_the_crd_lacks_waits_for_the_crd(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Helm upgrades no CRDs: other classes are applied, and one line says what to do."""
    server = Server("nvidia-t4", 500, ".spec.new: field not declared in schema", times=2)
    await install_classes(cast(KubeClient, server), AlwaysLeading())

    names = [manifest["metadata"]["name"] for manifest in catalogue()]
    assert [name for _, name in server.asked] == [*names, "nvidia-t4", "nvidia-t4"]
    said = "1 classes are not updated, since the CRD of AcceleratorClass is older than the operator"
    assert [each.getMessage()[: len(said)] for each in caplog.records] == [said, said]
