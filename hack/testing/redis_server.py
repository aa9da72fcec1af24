"""Real redis-servers on ports of 127.0.0.1 that are free."""

import shutil
import signal
import subprocess
import time
from functools import cache
from pathlib import Path

import redis

from hack.testing.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
START_SECONDS = 20.0


@cache
def redis_binary() -> str:
    """The path of redis-server, installed or built where it is missing."""
    tool = [str(ROOT / "hack" / "cluster"), "tool", "redis-server"]
    return shutil.which("redis-server") or subprocess.check_output(tool, text=True).strip()


def run(client: redis.Redis, *words: str) -> None:
    """Run a command that the client has no method for."""
    client.execute_command(*words)  # type: ignore[no-untyped-call]


class LocalRedis:
    """One server; its data lives in a folder and nothing is written unless options say so."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = free_port()
        self.tls: dict[str, object] = {}
        self._command = [redis_binary(), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", *options]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def client(self) -> redis.Redis:
        """A client of the tests' own; the caller closes it."""
        return redis.Redis(port=self.port, decode_responses=True, **self.tls)  # type: ignore[arg-type]

    def start(self) -> None:
        """Start and wait until it answers, be it with an error."""
        port = ["--port", "0", "--tls-port", str(self.port)] if self.tls else ["--port", str(self.port)]
        self._process = subprocess.Popen([*self._command, *port], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert time.monotonic() < deadline, "redis-server did not start"
            time.sleep(0.01)

    def stop(self) -> None:
        """Kill it: nothing is saved."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Freeze the process; connections stay open."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _answers(self) -> bool:
        try:
            with self.client as client:
                client.ping()
        except (redis.AuthenticationError, redis.BusyLoadingError):
            return True
        except redis.ConnectionError:
            return False
        return True
