"""A real API server on the loopback: etcd and kube-apiserver as processes, without nodes.

It makes no pods for Deployments and finishes no deletion of a namespace; both need the controller manager too
(nodes.py).
"""

import signal
import ssl
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml

from hack.testing.audit import AuditLog
from hack.testing.ports import free_port, free_ports
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.paths import namespaced_path

ROOT = Path(__file__).resolve().parents[2]
ADMIN = "admin"
USERS = (ADMIN, "operator", "rival", "stranger")
"""Every user that a test may be; all but the admin start without any rights."""
START_SECONDS = 90.0
STOP_SECONDS = 20.0
GET_SECONDS = 2.0
PORT_ATTEMPTS = 3
PORT_TAKEN = "address already in use"
"""A free port may be taken by another process before the server binds it."""


class NotStarted(Exception):
    """A part of the control plane did not come up; the text holds the end of its log."""


def tools(*names: str) -> list[str]:
    """Paths of the Kubernetes binaries; the first time they are built, which takes minutes."""
    command = [str(ROOT / "hack" / "cluster"), "tool", *names]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()


class Process:
    """One program with its log, ended only through the handle that started it."""

    def __init__(self, command: Sequence[str | Path], log: Path) -> None:
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [str(word) for word in command], stdout=output, stderr=subprocess.STDOUT
            )

    def wait_for(self, url: str, trusted: Path | None = None) -> None:
        """Returns once the URL answers 200. Raises NotStarted."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if _answers(url, trusted):
                return
            time.sleep(0.1)
        raise NotStarted(f"{url} does not answer\n{self._log.read_text()[-3000:]}")

    def kill(self) -> None:
        """Ends it without warning."""
        self._process.kill()
        self._process.wait(STOP_SECONDS)

    def freeze(self) -> None:
        """Makes it silent without closing its connections."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Ends the freeze."""
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Ends it, gently at first."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()


class ControlPlane:
    """etcd and kube-apiserver with their data in one folder; `process` is the API server."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._apiserver, etcd = tools("kube-apiserver", "etcd")
        self._signing_key = folder / "service-account.key"
        subprocess.run(
            ["openssl", "genrsa", "-out", self._signing_key, "2048"], check=True, capture_output=True
        )
        self.audit_log = AuditLog(folder)
        self._tokens = folder / "tokens.csv"
        self._tokens.write_text("".join(_token_line(user) for user in USERS))
        self._etcd = self._started_etcd(etcd)
        self._port = free_port()
        self.process = self._started()

    @property
    def url(self) -> str:
        """Where the API server listens."""
        return f"https://127.0.0.1:{self._port}"

    @property
    def certificate(self) -> Path:
        """What the API server proves itself with."""
        return self._folder / "certificates" / "apiserver.crt"

    @property
    def signing_key(self) -> Path:
        """Signs service account tokens."""
        return self._signing_key

    def kubeconfig(self, user: str = ADMIN) -> Path:
        """A kubeconfig for one of USERS."""
        if user not in USERS:
            raise ValueError(f"no such user: {user}; there are {', '.join(USERS)}")
        return self._kubeconfig(user, _token(user))

    async def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        """A kubeconfig for a service account that exists."""
        path = namespaced_path("v1", namespace, "serviceaccounts", name, "token")
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        async with await self.admin_client() as client:
            granted = await client.request("POST", path, body=request)
        return self._kubeconfig(f"{namespace}-{name}", granted["status"]["token"])

    def _kubeconfig(self, user: str, token: str) -> Path:
        cluster = {"server": self.url, "certificate-authority": str(self.certificate)}
        location = self._folder / f"{user}.kubeconfig"
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": user,
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [{"name": user, "context": {"cluster": "test", "user": user}}],
        }
        # A process that starts now may read the file that is there: it must never be empty.
        written = location.with_suffix(f".{uuid.uuid4().hex}")
        written.write_text(yaml.safe_dump(content))
        return written.replace(location)

    async def client(self, user: str = ADMIN) -> KubeClient:
        """A client for one of USERS, which the caller closes."""
        return await KubeClient.from_environment(str(self.kubeconfig(user)))

    async def admin_client(self) -> KubeClient:
        """A client that may do anything, which the caller closes."""
        return await self.client(ADMIN)

    def get(self, path: str) -> str:
        """What the API server answers the admin under a path that holds no JSON."""
        return _get(f"{self.url}{path}", self.certificate)

    def restart(self) -> None:
        """Starts the API server again where it listened before."""
        self.process = self._started()

    def stop(self) -> None:
        """Ends both processes."""
        self.process.stop()
        self._etcd.stop()

    def _started_etcd(self, etcd: str) -> Process:
        for attempt in range(PORT_ATTEMPTS):
            client_port, peer_port = free_ports(2)
            self._etcd_url, peer_url = (f"http://127.0.0.1:{port}" for port in (client_port, peer_port))
            process = Process(
                [
                    etcd,
                    "--unsafe-no-fsync",
                    f"--data-dir={self._folder / 'etcd'}",
                    f"--listen-client-urls={self._etcd_url}",
                    f"--advertise-client-urls={self._etcd_url}",
                    f"--listen-peer-urls={peer_url}",
                ],
                self._folder / f"etcd-{attempt}.log",
            )
            try:
                process.wait_for(f"{self._etcd_url}/health")
            except NotStarted as failure:
                process.stop()
                if PORT_TAKEN not in str(failure) or attempt == PORT_ATTEMPTS - 1:
                    raise
            else:
                return process
        raise AssertionError("the last attempt returns or raises")

    def _started(self) -> Process:
        process = Process(
            [
                self._apiserver,
                f"--etcd-servers={self._etcd_url}",
                f"--cert-dir={self._folder / 'certificates'}",
                f"--secure-port={self._port}",
                "--bind-address=127.0.0.1",
                "--service-cluster-ip-range=10.0.0.0/24",
                "--authorization-mode=RBAC",
                "--allow-privileged",
                f"--token-auth-file={self._tokens}",
                "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-account-key-file={self._signing_key}",
                f"--service-account-signing-key-file={self._signing_key}",
                "--disable-admission-plugins=ServiceAccount",
                *self.audit_log.flags,
            ],
            self._folder / "apiserver.log",
        )
        process.wait_for(f"{self.url}/readyz", self.certificate)
        return process


@contextmanager
def control_plane(folder: Path) -> Iterator[ControlPlane]:
    """A control plane that is gone afterwards."""
    running = ControlPlane(folder)
    try:
        yield running
    finally:
        running.stop()


def _token(user: str) -> str:
    return f"token-of-{user}"


def _token_line(user: str) -> str:
    groups = "system:masters" if user == ADMIN else ""
    return f'{_token(user)},{user},{user},"{groups}"\n'


def _answers(url: str, trusted: Path | None) -> bool:
    try:
        _get(url, trusted)
    except OSError:
        return False
    return True


def _get(url: str, trusted: Path | None) -> str:
    """What a URL serves with a status below 300. Raises OSError."""
    context = ssl.create_default_context(cafile=trusted) if trusted else None
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {_token(ADMIN)}"})
    with urllib.request.urlopen(request, timeout=GET_SECONDS, context=context) as answer:
        return str(answer.read().decode())
