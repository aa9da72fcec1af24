"""Failures of the API server or of its objects, each with a reason for a condition and a message."""

import json
from collections.abc import Mapping
from typing import Any


class KubeFailure(Exception):
    """`reason` is a CamelCase word for conditions, `message` a sentence without credentials."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class ApiUnreachable(KubeFailure):
    """No usable answer came. A write may or may not have happened."""


class CredentialsMissing(KubeFailure):
    """Neither the pod's service account nor a kubeconfig says how to reach an API server."""


class ApiError(KubeFailure):
    """The API server refused a request.

    `reason` is the API server's own (NotFound, Conflict, ...). `object_name` is the object that the answer is
    about, empty where it is about the path: a missing object and a missing kind are both 404.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        retry_after_seconds: float | None = None,
        object_name: str = "",
    ) -> None:
        super().__init__(reason, message)
        self.status = status
        self.retry_after_seconds = retry_after_seconds
        self.object_name = object_name


class NotFound(ApiError):
    """The object or its kind does not exist (404)."""


class TargetFailure(KubeFailure):
    """A pool's target can't be read or scaled; other pools go on. The name of the class is the reason."""

    def __init__(self, message: str) -> None:
        super().__init__(type(self).__name__, message)


class TargetMissing(TargetFailure):
    """There is no object of that name."""


class TargetForbidden(TargetFailure):
    """The operator was not granted that kind of target."""


class KindUnknown(TargetFailure):
    """The API server does not serve that kind."""


class NoScaleSubresource(TargetFailure):
    """The kind has no replicas that could be set."""


class ScaleConflict(TargetFailure):
    """The target was changed or replaced since it was read: read it again, then decide again."""


def as_json_object(body: bytes, call: str) -> dict[str, Any]:
    """The JSON object in an answer. Raises ApiUnreachable where it is none: from a proxy, or cut off."""
    try:
        found = json.loads(body)
    except ValueError as failure:
        raise ApiUnreachable("ApiUnreachable", f"the answer to {call} is not JSON") from failure
    if not isinstance(found, dict):
        raise ApiUnreachable("ApiUnreachable", f"the answer to {call} is not a JSON object")
    return found


def as_watch_event(line: bytes, call: str) -> dict[str, Any]:
    """One event of a watch. Raises ApiError for an event of type ERROR."""
    event = as_json_object(line, call)
    if event.get("type") != "ERROR":
        return event
    status = event.get("object") or {}
    raise _error(int(status.get("code") or 500), status, None, call)


def error_from_answer(status: int, headers: Mapping[str, str], body: bytes, call: str) -> ApiError:
    """The error of an answer with status 400 or more; its body is a `metav1.Status`, or a proxy's text."""
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    return _error(status, content if isinstance(content, dict) else {}, headers.get("Retry-After"), call)


def _error(status: int, content: Mapping[str, Any], retry_after: str | None, call: str) -> ApiError:
    """A proxy may answer with JSON of its own, in which these fields hold something else than a Status."""
    details = content.get("details")
    details = details if isinstance(details, dict) else {}
    kind = NotFound if status == 404 else ApiError
    return kind(
        status,
        _text(content.get("reason")) or f"Http{status}",
        _text(content.get("message")) or f"the API server answered {status} to {call}",
        retry_after_seconds=_seconds(retry_after) or _seconds(details.get("retryAfterSeconds")),
        object_name=_text(details.get("name")),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _seconds(value: Any) -> float | None:
    try:
        return max(0.0, float(value))
    except (TypeError, ValueError):
        return None
