"""A stand-in for a model server: it takes a while to load, then works off jobs from a queue in Redis.

Each job is moved to a processing list while it is worked on (LMOVE), so that a reader of both lists
sees both what waits and what is in flight. Ready, on :8080/healthz, means that the model is loaded. On
SIGTERM the job in hand is finished and no other begun. Jobs that a crashed worker left in the processing list
are not touched.

Tests make other workers of it. TAKE=BRPOP takes jobs without a trace, TAKE=STREAM from a stream's consumer
group, and TAKE=NOTHING none. READY_DELAY_SECONDS lets the probe pass that much later than the first job is
taken. FAIL_PERCENT=100 ends the process once it has loaded. REDIS_DONE names a set of what is done.
"""

import logging
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType
from typing import Self

import redis

HEALTH_PORT = 8080
# How long one call waits for a job: a SIGTERM that arrives meanwhile is seen after this much at most.
WAIT_SECONDS = 1
RETRY_SECONDS = 0.5

log = logging.getLogger("worker")


@dataclass(frozen=True)
class Settings:
    address: str
    jobs: str
    processing: str
    password: str | None
    load_seconds: float
    load_jitter_seconds: float
    service_seconds: float
    fail_percent: float
    take: str
    group: str
    done: str | None
    ready_delay_seconds: float

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        return cls(
            address=environment.get("REDIS_ADDRESS", "127.0.0.1:6379"),
            jobs=environment.get("REDIS_LIST", "jobs"),
            processing=environment.get("REDIS_PROCESSING_LIST", "processing"),
            password=environment.get("REDIS_PASSWORD") or None,
            load_seconds=float(environment.get("LOAD_SECONDS", "0")),
            load_jitter_seconds=float(environment.get("LOAD_JITTER_SECONDS", "0")),
            service_seconds=float(environment.get("SERVICE_SECONDS", "1")),
            fail_percent=float(environment.get("FAIL_PERCENT", "0")),
            take=environment.get("TAKE", "LMOVE"),
            group=environment.get("REDIS_GROUP", "workers"),
            done=environment.get("REDIS_DONE") or None,
            ready_delay_seconds=float(environment.get("READY_DELAY_SECONDS", "0")),
        )

    def connect(self) -> redis.Redis:
        host, _, port = self.address.rpartition(":")
        timeout = WAIT_SECONDS + 5
        return redis.Redis(
            host=host,
            port=int(port),
            password=self.password,
            decode_responses=True,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
        )


class Worker:
    def __init__(self, settings: Settings, *, retry_seconds: float = RETRY_SECONDS) -> None:
        self.settings = settings
        self.retry_seconds = retry_seconds
        self.name = os.environ.get("HOSTNAME", "worker")
        self.loaded = threading.Event()
        self.ready_at = float("inf")
        self.stopping = threading.Event()

    def load(self) -> bool:
        """Pretend to load a model; False if it failed, or if there is no longer any need for it."""
        jitter = self.settings.load_jitter_seconds
        seconds = max(0.0, self.settings.load_seconds + random.uniform(-jitter, jitter))
        if self.stopping.wait(seconds):
            return False
        if random.uniform(0, 100) < self.settings.fail_percent:
            log.error("loading failed after %.1f s, as FAIL_PERCENT asks for now and then", seconds)
            return False
        log.info("loaded in %.1f s", seconds)
        self.ready_at = time.monotonic() + self.settings.ready_delay_seconds
        self.loaded.set()
        return True

    def is_ready(self) -> bool:
        """What the readiness probe gets as its answer."""
        return time.monotonic() >= self.ready_at

    def work(self, client: redis.Redis) -> None:
        """Work on jobs, one at a time, until SIGTERM; wait while Redis can't be reached."""
        while not self.stopping.is_set():
            try:
                job = self._take(client)
            except redis.RedisError as error:
                log.warning("cannot ask %s for a job: %s", self.settings.address, error)
                self.stopping.wait(self.retry_seconds)
                continue
            if job is not None:
                self._do(client, job)

    def _take(self, client: redis.Redis) -> str | None:
        """The next job; None if none comes within WAIT_SECONDS."""
        settings = self.settings
        if settings.take == "NOTHING":
            self.stopping.wait(WAIT_SECONDS)
            return None
        if settings.take == "BRPOP":
            found = client.brpop([settings.jobs], WAIT_SECONDS)
            return str(found[1]) if found else None
        if settings.take == "STREAM":
            waiting = {settings.jobs: ">"}
            found = client.xreadgroup(settings.group, self.name, waiting, count=1, block=1000 * WAIT_SECONDS)
            return str(found[0][1][0][0]) if found else None
        job = client.blmove(settings.jobs, settings.processing, WAIT_SECONDS, "LEFT", "RIGHT")
        return None if job is None else str(job)

    def _do(self, client: redis.Redis, job: str) -> None:
        # Not an Event's wait: the job in hand is finished also when a SIGTERM has come.
        threading.Event().wait(self.settings.service_seconds)
        while True:
            try:
                self._report(client, job)
            except redis.RedisError as error:
                log.warning("cannot report job %s as done: %s", job, error)
                if self.stopping.wait(self.retry_seconds):
                    return
            else:
                log.info("job %s done", job)
                return

    def _report(self, client: redis.Redis, job: str) -> None:
        settings = self.settings
        if settings.done is not None:
            client.sadd(settings.done, job)
        if settings.take == "LMOVE":
            client.lrem(settings.processing, 1, job)
        if settings.take == "STREAM":
            client.xack(settings.jobs, settings.group, job)


def serve_health(worker: Worker) -> None:
    """Answer /healthz with 200 once the worker is ready, and with 503 before."""

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == "/healthz"
            self.send_response(404 if not known else 200 if worker.is_ready() else 503)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Probes come every second; they are not worth a line each."""

    server = ThreadingHTTPServer(("", HEALTH_PORT), Health)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)
    worker = Worker(Settings.of(os.environ))

    def stop(signal_number: int, frame: FrameType | None) -> None:
        worker.stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    serve_health(worker)
    if worker.load():
        worker.work(worker.settings.connect())
    return 0 if worker.stopping.is_set() else 1


if __name__ == "__main__":
    sys.exit(main())
