"""The operator as a user runs it: a process of its own against the real API server."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hack.testing.ports import free_port

START_SECONDS = 60.0


class OperatorProcess:
    """One replica, ended only through the handle that started it."""

    def __init__(
        self,
        kubeconfig: Path,
        namespace: str,
        folder: Path,
        identity: str,
        *,
        watches_everything: bool = False,
    ) -> None:
        self.port = free_port()
        self._log = folder / f"{identity}.log"
        self._command = [
            *(sys.executable, "-m", "poolkeeper", "controller"),
            f"--kubeconfig={kubeconfig}",
            f"--namespace={namespace}",
            *(() if watches_everything else (f"--watch-namespace={namespace}",)),
            f"--identity={identity}",
            f"--listen=127.0.0.1:{self.port}",
            "--allow-cidr=127.0.0.1/32",
        ]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Id of the running process."""
        assert self._process is not None
        return self._process.pid

    def start(self, *flags: str, environment: Mapping[str, str] | None = None) -> None:
        """Start and return once it is ready."""
        process = self.launch(*flags, environment=environment)
        deadline = time.monotonic() + START_SECONDS
        while not self.answers("/readyz"):
            assert process.poll() is None, f"the operator ended:\n{self.log_text[-4000:]}"
            assert time.monotonic() < deadline, f"the operator is not ready:\n{self.log_text[-4000:]}"
            time.sleep(0.05)

    def launch(self, *flags: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start and return at once."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._command, *flags], stderr=log, env={**os.environ, **(environment or {})}
            )
        return self._process

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it and wait; the exit status."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(number)
        return self._process.wait(20)

    def answers(self, path: str) -> bool:
        """Whether a path is served with status 200."""
        try:
            self.get(path)
        except OSError:
            return False
        return True

    def get(self, path: str) -> str:
        """What a path serves. Raises OSError."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=2) as answer:
            return str(answer.read().decode())

    def is_leading(self) -> bool:
        """Whether its metrics say that it leads."""
        try:
            return "poolkeeper_leader 1.0" in self.get("/metrics")
        except OSError:
            return False

    @property
    def log_text(self) -> str:
        """All that it has logged."""
        return self._log.read_text()

    @property
    def log_lines(self) -> Sequence[Mapping[str, Any]]:
        """Its log as JSON objects."""
        return [json.loads(line) for line in self.log_text.splitlines()]


def explain(kubeconfig: Path, pool: str) -> str:
    """What `poolkeeper explain` prints."""
    command = [sys.executable, "-m", "poolkeeper", "explain", f"--kubeconfig={kubeconfig}", pool]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=60).stdout
