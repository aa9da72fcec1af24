"""A network namespace of the benchmark's own: pods get addresses that an EndpointSlice may hold.

An EndpointSlice takes no address of 127.0.0.0/8, and two activators listen on the same port, so each needs an
address of its own. Inside, 10.88.0.0/16 is local; nothing outside can be reached, and all processes
end together with the benchmark.
"""

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence

ACTIVATOR_NETWORK, MODEL_NETWORK = "10.88.1", "10.88.2"
_INSIDE = "POOLKEEPER_BENCH_NETWORK"
_SET_UP = (
    "ip link set lo up && ip address add 10.88.0.1/16 dev lo"
    " && ip route add default dev lo src 10.88.0.1"  # the API server looks for one to advertise
    ' && exec "$@"'
)


def is_inside() -> bool:
    """Whether this process runs in such a network."""
    return _INSIDE in os.environ


def run_inside(name: str, arguments: Sequence[str]) -> int:
    """Runs `python -m hack.bench NAME` in a new network; its exit status."""
    for tool, package in (("unshare", "util-linux"), ("ip", "iproute2")):
        if shutil.which(tool) is None:
            print(f"{tool} is missing (on Debian: apt-get install {package})", file=sys.stderr)
            return 2
    rights = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    command = ["unshare", *rights, "--net", "--pid", "--fork", "--kill-child", "sh", "-c", _SET_UP, "sh"]
    command += [sys.executable, "-m", "hack.bench", name, *arguments]
    return subprocess.run(command, env={**os.environ, _INSIDE: "yes"}, check=False).returncode


def addresses(network: str) -> Iterator[str]:
    """Addresses of a network; none comes twice before all were used."""
    return (f"{network}.{number}" for number in itertools.cycle(range(2, 255)))
