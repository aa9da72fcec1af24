"""A process with the hub of an operator under a memory limit: two pools, of which one has a hostile Redis.

Usage: python -m tests.component.sources.hostile.operator_sources HOSTILE_PORT GOOD_PORT. Prints as JSON the
reasons of the hostile pool, how often the other pool was read meanwhile, and the longest time in seconds for
which the event loop stood still.
"""

import asyncio
import json
import resource
import sys
import time

from poolkeeper.api.demand import DemandSource
from poolkeeper.core.values.ledger import Sample
from poolkeeper.core.values.observation import Unavailable
from poolkeeper.sources.addresses import AddressPolicy
from poolkeeper.sources.base import PoolKey
from poolkeeper.sources.hub import DemandHub

MEMORY_BYTES = 512 * 1024 * 1024
"""The chart's limit, here of the address space."""
LONGEST_SECONDS = 20.0
READS_OF_THE_OTHER = 5
QUEUES = 10

HOSTILE, GOOD = PoolKey("hostile", "pool"), PoolKey("good", "pool")


def source(port: int, name: str) -> DemandSource:
    queue = {"address": f"127.0.0.1:{port}", "list": "jobs", "auth": {"username": name}}
    return DemandSource.model_validate({"name": name, "pollMilliseconds": 100, "redisList": queue})


async def main(hostile_port: int, good_port: int) -> None:
    outcomes: list[tuple[PoolKey, object]] = []

    async def no_secret(_: str, __: str) -> dict[str, bytes]:
        return {}

    local = AddressPolicy.from_cidrs(allowed=["127.0.0.1/32"])
    hub = DemandHub(lambda key, outcome: outcomes.append((key, outcome)), no_secret, local, time.time)
    hub.assign(HOSTILE, [source(hostile_port, f"q{number}") for number in range(QUEUES)])
    hub.assign(GOOD, [source(good_port, "q")])
    until, longest = time.monotonic() + LONGEST_SECONDS, 0.0
    reads, reasons = 0, set[str]()
    while time.monotonic() < until and (reads < READS_OF_THE_OTHER or not reasons):
        began = time.monotonic()
        await asyncio.sleep(0.01)
        longest = max(longest, time.monotonic() - began - 0.01)
        reads = sum(key == GOOD and isinstance(outcome, Sample) for key, outcome in outcomes)
        failures = [each for key, each in outcomes if key == HOSTILE and isinstance(each, Unavailable)]
        reasons = {failure.reason for failure in failures}
    await hub.close()
    json.dump({"reasons": sorted(reasons), "reads": reads, "longest_seconds": longest}, sys.stdout)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
