#!/usr/bin/env python3
"""An OCI runtime for machines whose capability bounding set is incomplete: runc, asked for less.

There, `--privileged` names capabilities that no process may have, and runc refuses to start the container.
The engine calls this file in runc's place; it takes those capabilities, and a lowered OOM score that would
need CAP_SYS_RESOURCE, out of the bundle or process document, then becomes runc with the same arguments.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# By number, as in the kernel's include/uapi/linux/capability.h.
CAPABILITIES = (
    *("CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP"),
    *(
        "LINUX_IMMUTABLE",
        "NET_BIND_SERVICE",
        "NET_BROADCAST",
        "NET_ADMIN",
        "NET_RAW",
        "IPC_LOCK",
        "IPC_OWNER",
    ),
    *(
        "SYS_MODULE",
        "SYS_RAWIO",
        "SYS_CHROOT",
        "SYS_PTRACE",
        "SYS_PACCT",
        "SYS_ADMIN",
        "SYS_BOOT",
        "SYS_NICE",
    ),
    *(
        "SYS_RESOURCE",
        "SYS_TIME",
        "SYS_TTY_CONFIG",
        "MKNOD",
        "LEASE",
        "AUDIT_WRITE",
        "AUDIT_CONTROL",
        "SETFCAP",
    ),
    *("MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF"),
    "CHECKPOINT_RESTORE",
)

Document = dict[str, Any]


def missing_capabilities(proc: Path = Path("/proc")) -> frozenset[str]:
    """The capabilities, as `CAP_…`, that the kernel knows and this process's bounding set lacks."""
    if not (proc / "self/status").exists():
        return frozenset()  # not Linux: the engine runs in a virtual machine that has them all
    last = int((proc / "sys/kernel/cap_last_cap").read_text())
    status = (proc / "self/status").read_text()
    bounding = int(status.partition("CapBnd:")[2].split()[0], 16)
    return frozenset(
        f"CAP_{name}" for number, name in enumerate(CAPABILITIES[: last + 1]) if not bounding >> number & 1
    )


def restrict(process: Document, missing: frozenset[str]) -> None:
    """Take out of an OCI process document what this machine cannot grant."""
    capabilities = process.get("capabilities") or {}
    for kind, names in capabilities.items():
        capabilities[kind] = [name for name in names or [] if name not in missing]
    if process.get("oomScoreAdj", 0) < 0:
        del process["oomScoreAdj"]


def option(arguments: list[str], *names: str) -> str | None:
    """The value of a command-line option, given as `--name value` or `--name=value`."""
    for position, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name in names:
            return value if equals else arguments[position + 1]
    return None


def rewrite(file: Path, missing: frozenset[str]) -> None:
    """Takes out of a file with an OCI document what this machine cannot grant."""
    document: Document = json.loads(file.read_text())
    restrict(document.get("process", document), missing)
    file.write_text(json.dumps(document))


def main(
    arguments: list[str],
    missing: frozenset[str],
    become: Callable[[str, list[str]], object] = os.execvp,
) -> None:
    """Rewrites the document that the engine's command names, then becomes runc."""
    if "create" in arguments or "run" in arguments:
        rewrite(Path(option(arguments, "--bundle", "-b") or ".") / "config.json", missing)
    elif "exec" in arguments and (process := option(arguments, "--process", "-p")):
        rewrite(Path(process), missing)
    become("runc", ["runc", *arguments])


if __name__ == "__main__":
    main(sys.argv[1:], missing_capabilities())
