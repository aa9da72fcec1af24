"""Ports of 127.0.0.1 that nothing listens on."""

import socket

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """One free port; another process may take it before it is used."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Different free ports."""
    listeners = [socket.create_server((LOOPBACK, 0)) for _ in range(count)]
    ports = [int(listener.getsockname()[1]) for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports
