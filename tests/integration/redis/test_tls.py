"""TLS: trusted by a CA from a Secret, and refused otherwise."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from hack.testing.redis_server import LocalRedis
from poolkeeper.api.demand import RedisTls, SecretKey
from tests.integration.redis.sources import list_source
from tests.integration.sources.listening import POOL, Listening

TLS = RedisTls(ca_secret=SecretKey(name="authority", key="ca.crt"))


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def make_certificate(folder: Path, name: str) -> bytes:
    """A self-signed certificate for localhost and 127.0.0.1, returned as PEM."""
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key")
    openssl(folder, "req", "-x509", "-days", "2", *key, "-out", f"{name}.crt", *subject)
    return (folder / f"{name}.crt").read_bytes()


@pytest.fixture
def server(start_redis: Callable[..., LocalRedis], tmp_path: Path, listening: Listening) -> LocalRedis:
    """A server that only speaks TLS, whose certificate is in the Secret `authority`."""
    listening.secrets.contents[POOL.namespace, "authority"] = {"ca.crt": make_certificate(tmp_path, "server")}
    files = ("--tls-cert-file", "server.crt", "--tls-key-file", "server.key")
    return start_redis(
        *(str(tmp_path / part) if part.startswith("server") else part for part in files),
        *("--tls-auth-clients", "no"),
        tls={"ssl": True, "ssl_ca_certs": str(tmp_path / "server.crt")},
    )


async def test_a_server_signed_by_the_secrets_authority_is_read(
    server: LocalRedis, listening: Listening
) -> None:
    await listening.to(list_source(server, tls=TLS)).sample()


async def test_a_name_is_checked_although_an_ip_is_connected_to(
    server: LocalRedis, listening: Listening
) -> None:
    named = list_source(server, tls=TLS.model_copy(update={"server_name": "localhost"}))
    await listening.to(named).sample()
    other = list_source(server, tls=TLS.model_copy(update={"server_name": "redis.example"}))
    outage = await listening.to(other).unavailable("TlsUntrusted")
    assert "redis.example" in outage.message


async def test_another_authority_is_not_trusted_until_the_secret_has_the_right_one(
    server: LocalRedis, listening: Listening, tmp_path: Path
) -> None:
    listening.secrets.contents[POOL.namespace, "wrong"] = {"ca.crt": make_certificate(tmp_path, "other")}
    wrong = RedisTls(ca_secret=SecretKey(name="wrong", key="ca.crt"))
    outage = await listening.to(list_source(server, tls=wrong)).unavailable("TlsUntrusted")
    assert "tls.caSecret" in outage.message


async def test_the_system_does_not_trust_it(server: LocalRedis, listening: Listening) -> None:
    await listening.to(list_source(server, tls=RedisTls())).unavailable("TlsUntrusted")


async def test_a_secret_without_a_certificate_is_named(server: LocalRedis, listening: Listening) -> None:
    listening.secrets.contents[POOL.namespace, "authority"] = {"ca.crt": b"not a certificate"}
    await listening.to(list_source(server, tls=TLS)).unavailable("CertificateInvalid")


async def test_a_server_without_tls_is_an_outage(
    start_redis: Callable[..., LocalRedis], listening: Listening
) -> None:
    plain = start_redis()
    outage = await listening.to(list_source(plain, tls=RedisTls())).unavailable("TlsNotExpected")
    assert "remove tls from the pool's demand" in outage.message


async def test_plain_text_to_a_tls_port_is_an_outage(server: LocalRedis, listening: Listening) -> None:
    outage = await listening.to(list_source(server)).unavailable("TlsExpected")
    assert "tls.caSecret" in outage.message
