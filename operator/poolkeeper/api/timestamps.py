"""Instants as the API server writes them (RFC 3339), and as we do (Unix seconds)."""

from datetime import UTC, datetime


def parse_timestamp(text: str | None) -> float | None:
    """Unix seconds, or None where there is no timestamp or none that can be read."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return None


def format_timestamp(seconds: float) -> str:
    """A `metav1.Time`: whole seconds in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_micro_time(seconds: float) -> str:
    """A `metav1.MicroTime`: microseconds in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
