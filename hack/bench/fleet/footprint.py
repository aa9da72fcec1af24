"""Import time of the operator, and the memory and CPU of one that idles without pools.

    python -m hack.bench fleet.footprint

Import times are the best of five processes each. Memory is the resident set of an operator that leads, with
no pools, ten seconds after its start, on a real API server.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from hack.testing.control_plane import ControlPlane, control_plane
from hack.testing.kinds import install_kinds
from hack.testing.queue_world import QueueWorld
from hack.testing.redis_server import LocalRedis

RUNS = 5
SETTLE_SECONDS = 10.0
COMMANDS = {
    "python alone": "pass",
    "poolkeeper.cli": "import poolkeeper.cli",
    "poolkeeper controller": "import poolkeeper.commands.controller",
    "poolkeeper explain": "import poolkeeper.commands.explain",
    "poolkeeper crds": "import poolkeeper.commands.crds",
}


def import_seconds(statement: str) -> float:
    """Wall time of a new process that only imports."""
    begun_at = time.monotonic()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.monotonic() - begun_at


def resident_mib(pid: int) -> float:
    """Resident memory of a process, as the kernel counts it."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


async def idle_operator(folder: Path, api_server: ControlPlane) -> tuple[float, float]:
    """Resident MiB of an idle operator that leads, and the share of a core that it takes."""
    async with await api_server.admin_client() as client:
        queue = LocalRedis(folder)
        world = QueueWorld(
            client=client, namespace="default", api_server=api_server, queue=queue, folder=folder
        )
        await install_kinds(client)
        operator = world.operator()
        operator.start()
        try:
            await asyncio.sleep(SETTLE_SECONDS)
            begun = cpu_seconds(operator.pid)
            await asyncio.sleep(SETTLE_SECONDS)
            return resident_mib(operator.pid), (cpu_seconds(operator.pid) - begun) / SETTLE_SECONDS
        finally:
            operator.stop()


def main(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> int:
    """Measures and prints; returns the exit status."""
    parser.parse_args(arguments)
    for name, statement in COMMANDS.items():
        print(f"import of {name}: {min(import_seconds(statement) for _ in range(RUNS)):.2f} s")
    with tempfile.TemporaryDirectory() as folder, control_plane(Path(folder)) as api_server:
        memory_mib, cores = asyncio.run(idle_operator(Path(folder), api_server))
    print(f"idle operator: {memory_mib:.0f} MiB resident, {cores * 1000:.0f} mCPU")
    return 0
