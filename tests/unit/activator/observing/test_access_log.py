"""What the access log says of a request's target."""

import pytest

from poolkeeper.activator.observing.access_log import path_only


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/v1/chat?key=secret", "/v1/chat"),
        (b"http://user:secret@chat/v1/a@b?key=secret", "http://chat/v1/a@b"),
        (b"http://" + b"secret" * 100 + b"@chat/", "http://chat/"),
        (b"/a//b@c", "/a//b@c"),
        (b"/" + b"x" * 300, "/" + "x" * 255),
    ],
)
def test_a_path_holds_no_credential(target: bytes, path: str) -> None:
    assert path_only(target) == path
