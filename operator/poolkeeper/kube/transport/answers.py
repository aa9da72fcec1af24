"""What the API server's answers mean: objects, events of a watch, and refusals."""

import json
from collections.abc import Mapping
from typing import Any

from poolkeeper.kube.transport.errors import ApiError, ApiUnreachable


def as_json_object(body: bytes, call: str) -> dict[str, Any]:
    """The object that an answer holds. Raises ApiUnreachable where a proxy or a cut line spoke instead."""
    try:
        found = json.loads(body)
    except ValueError as failure:
        raise ApiUnreachable("ApiUnreachable", f"the answer to {call} is no JSON") from failure
    if not isinstance(found, dict):
        raise ApiUnreachable("ApiUnreachable", f"the answer to {call} is no JSON object")
    return found


def as_watch_event(line: bytes, call: str) -> dict[str, Any]:
    """One event of a watch. Raises ApiError for an event of type ERROR."""
    event = as_json_object(line, call)
    if event.get("type") != "ERROR":
        return event
    status = event.get("object") or {}
    raise _error(int(status.get("code") or 500), status, None, call)


def error_from_answer(status: int, headers: Mapping[str, str], body: bytes, call: str) -> ApiError:
    """What a status of 400 or more says; the body is a `metav1.Status`, or whatever a proxy wrote."""
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    return _error(status, content if isinstance(content, dict) else {}, headers.get("Retry-After"), call)


def _error(status: int, content: Mapping[str, Any], retry_after: str | None, call: str) -> ApiError:
    details = content.get("details") or {}
    return ApiError(
        status,
        content.get("reason") or f"Http{status}",
        content.get("message") or f"the API server answered {status} to {call}",
        retry_after_seconds=_seconds(retry_after) or _seconds(details.get("retryAfterSeconds")),
        object_name=details.get("name") or "",
    )


def _seconds(value: Any) -> float | None:
    try:
        return max(0.0, float(value))
    except (TypeError, ValueError):
        return None
