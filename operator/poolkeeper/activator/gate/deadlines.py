"""How long a request may be held: its own time limit if it states one, otherwise the pool's budget."""

import math
import re
from collections.abc import Mapping

_GRPC_TIMEOUT = re.compile(r"(\d{1,8})([HMSmun])")
_GRPC_UNITS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_SECONDS = re.compile(r"\d{1,9}(\.\d{1,9})?")
_PREFER_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,9})\"?\s*(?:$|[,;])")

_UNIT_SECONDS = {
    "request-timeout": 1.0,
    "x-request-timeout": 1.0,
    "x-stainless-timeout": 1.0,
    "x-stainless-read-timeout": 1.0,
    "x-envoy-upstream-rq-timeout-ms": 1e-3,
    "x-envoy-expected-rq-timeout-ms": 1e-3,
}
"""The headers that hold a bare number, each with the length of its unit."""


def stated_seconds(headers: Mapping[str, str]) -> float | None:
    """The shortest time limit that a request's headers (lower-case names) state; None if they state none.

    Read are the headers that clients and proxies send: Request-Timeout and X-Request-Timeout (seconds),
    X-Stainless-Timeout and -Read-Timeout (the OpenAI clients; seconds), Envoy's two in milliseconds,
    Grpc-Timeout, and Prefer: wait=N (RFC 7240). A value that is no positive number states nothing.
    """
    stated = [unit * _number(headers.get(name, "")) for name, unit in _UNIT_SECONDS.items()]
    stated.append(_grpc_timeout(headers.get("grpc-timeout", "")))
    stated.append(_prefer_wait(headers.get("prefer", "")))
    return min((seconds for seconds in stated if seconds), default=None)


def retry_after_seconds(ready_in_seconds: float | None) -> int:
    """Retry-After for a refused request, in seconds: until a replica is expected, and at least 1."""
    return max(1, math.ceil(ready_in_seconds or 0.0))


def _number(text: str) -> float:
    return float(text) if _SECONDS.fullmatch(text) else 0.0


def _grpc_timeout(text: str) -> float:
    parts = _GRPC_TIMEOUT.fullmatch(text)
    return int(parts[1]) * _GRPC_UNITS[parts[2]] if parts else 0.0


def _prefer_wait(text: str) -> float:
    parts = _PREFER_WAIT.search(text)
    return float(parts[1]) if parts else 0.0
