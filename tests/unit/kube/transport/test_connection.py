"""Which API server is talked to, and as whom."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from poolkeeper.kube.transport.connection import log_in
from poolkeeper.kube.transport.errors import CredentialsMissing


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Outside of a pod, and without the kubeconfig of the person who runs the tests."""
    for name in ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def kubeconfig(folder: Path, user: dict[str, Any], server: str = "https://one.example.com") -> str:
    file = folder / "config"
    contexts = [{"name": name, "context": {"cluster": name, "user": "me"}} for name in ("one", "two")]
    clusters = [
        {"name": "one", "cluster": {"server": server}},
        {"name": "two", "cluster": {"server": "https://two.example.com"}},
    ]
    content = {"contexts": contexts, "clusters": clusters, "users": [{"name": "me", "user": user}]}
    file.write_text(yaml.safe_dump({"current-context": "one", **content}))
    return str(file)


def exec_plugin(folder: Path, program: str) -> dict[str, Any]:
    """A credential plugin like those of the clouds."""
    script = folder / "plugin.py"
    script.write_text(program)
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": sys.executable,
            "args": [str(script)],
            "interactiveMode": "Never",
        }
    }


def granting(token: str) -> str:
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": token},
    }
    return f"print({json.dumps(json.dumps(credential))})"


async def bearer(location: str, context: str | None = None) -> tuple[str, str | None]:
    configuration = await log_in(location, context)
    return configuration.host, await configuration.get_api_key_with_prefix("BearerToken")


async def test_a_token(tmp_path: Path) -> None:
    location = kubeconfig(tmp_path, {"token": "t"})
    assert await bearer(location) == ("https://one.example.com", "Bearer t")


async def test_another_context(tmp_path: Path) -> None:
    location = kubeconfig(tmp_path, {"token": "t"})
    assert await bearer(location, "two") == ("https://two.example.com", "Bearer t")


async def test_a_plugin_is_asked_at_each_login(tmp_path: Path) -> None:
    location = kubeconfig(tmp_path, exec_plugin(tmp_path, granting("first")))
    first = await bearer(location)
    exec_plugin(tmp_path, granting("second"))
    assert [first[1], (await bearer(location))[1]] == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize("program", ["raise SystemExit(1)", "print('{}')", "print('hello')"])
async def test_a_plugin_that_fails_is_an_error_and_not_nobody(tmp_path: Path, program: str) -> None:
    location = kubeconfig(tmp_path, exec_plugin(tmp_path, program))
    with pytest.raises(CredentialsMissing, match="gives no credentials"):
        await log_in(location)


async def test_a_local_proxy_needs_no_credentials(tmp_path: Path) -> None:
    location = kubeconfig(tmp_path, {}, server="http://127.0.0.1:8001")
    assert (await log_in(location)).host == "http://127.0.0.1:8001"


@pytest.mark.parametrize(("bypassed", "proxy"), [("", "http://proxy:3128"), ("one.example.com", None)])
async def test_the_environment_names_a_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bypassed: str, proxy: str | None
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", bypassed)
    assert (await log_in(kubeconfig(tmp_path, {"token": "t"}))).proxy == proxy


@pytest.mark.parametrize("context", [None, "absent"])
async def test_what_is_not_there_is_named(tmp_path: Path, context: str | None) -> None:
    location = str(tmp_path / "absent") if context is None else kubeconfig(tmp_path, {"token": "t"})
    with pytest.raises(CredentialsMissing, match="absent"):
        await log_in(location, context)


async def test_a_missing_file_is_called_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CredentialsMissing, match="there is no such file"):
        await log_in(str(tmp_path / "absent"))
    assert capsys.readouterr().out == ""


async def test_a_file_that_is_no_yaml(tmp_path: Path) -> None:
    location = tmp_path / "config"
    location.write_text("a: [")
    with pytest.raises(CredentialsMissing, match="config does not say"):
        await log_in(str(location))


async def test_the_environment_names_the_kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", kubeconfig(tmp_path, {"token": "t"}))
    assert (await log_in()).host == "https://one.example.com"


async def test_in_a_pod_without_a_service_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    with pytest.raises(CredentialsMissing, match="token file"):
        await log_in()


async def test_in_a_pod_a_rotated_token_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, certificate = tmp_path / "token", tmp_path / "ca.crt"
    certificate.write_text("not looked at before the first request")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    module = "kubernetes.aio.config.incluster_config"
    monkeypatch.setattr(f"{module}.SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(f"{module}.SERVICE_CERT_FILENAME", str(certificate))
    found = []
    for text in ("first", "second"):
        token.write_text(text)
        configuration = await log_in()
        found.append((configuration.host, await configuration.get_api_key_with_prefix("BearerToken")))
    assert found == [("https://[fd00::1]:443", f"bearer {text}") for text in ("first", "second")]
