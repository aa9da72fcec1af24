"""`poolkeeper activator` as in a pod, whose network is its own: it listens on one address only.

python -m hack.bench.http.scene.activator_process --address IP --token-file FILE --identity NAME
"""

import argparse
import asyncio
import resource
import secrets
import signal
from pathlib import Path

import uvloop

from poolkeeper.activator.observing import access_log
from poolkeeper.activator.process import Settings, run
from poolkeeper.logs import configure_logs

CONTROL_PORT, PROBE_PORT = 8082, 8080


async def serve(settings: Settings) -> None:
    """Until SIGTERM, and what was accepted is answered."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await run(settings, stop)


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", required=True)
    parser.add_argument("--token-file", type=Path, required=True)
    parser.add_argument("--identity", required=True)
    arguments = parser.parse_args()
    configure_logs("info", "json")
    access_log.logger.disabled = True
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    settings = Settings(
        identity=f"{arguments.identity}/{secrets.token_hex(4)}",
        token_file=arguments.token_file,
        control=(arguments.address, CONTROL_PORT),
        probes=(arguments.address, PROBE_PORT),
        data_host=arguments.address,
        grace_seconds=60.0,
    )
    uvloop.run(serve(settings))


if __name__ == "__main__":
    main()
