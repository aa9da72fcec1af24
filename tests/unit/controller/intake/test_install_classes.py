"""A class that the API server refuses for good keeps no other class back."""

from typing import Any, cast

from poolkeeper.api.catalogue import catalogue
from poolkeeper.controller.intake.install_classes import install_classes
from poolkeeper.controller.loop.leadership import AlwaysLeading
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError


class Server:
    """Refuses one class; counts what is asked of each."""

    def __init__(self, refused: str, status: int) -> None:
        self.asked: list[tuple[str, str]] = []
        self._refused = refused
        self._status = status

    async def request(self, method: str, path: str, **_: Any) -> dict[str, Any]:
        name = path.rpartition("/")[2]
        self.asked.append((method, name))
        if method == "PATCH" and name == self._refused:
            raise ApiError(self._status, "Refused", "no")
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
