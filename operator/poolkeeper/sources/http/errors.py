"""Why a model server's metrics can't be read, with what the pool's owner can do about it.

No text of the server's own is quoted: a pool's author chooses the server, and others read the message.
"""

import errno
import os

import aiohttp

from poolkeeper.sources.base import SourceFailure

_TLS_ALERT = r"\x15\x03"
"""First bytes of a TLS record that refuses what was sent, as aiohttp quotes them."""
_PORT = "http.metrics.port"
_IS_TLS = f"expects TLS, and metrics are read without it: name a port that serves them so under {_PORT}"


def unreachable(error: Exception, url: str, timeout_seconds: float) -> SourceFailure:
    """The failure that an exception of aiohttp or of the system stands for."""
    if isinstance(error, aiohttp.ClientResponseError):
        if _TLS_ALERT in error.message:
            return SourceFailure("TlsExpected", f"{url} {_IS_TLS}")
        return SourceFailure(
            "MetricsInvalid", f"{url} does not answer by HTTP; name the port of the metrics under {_PORT}"
        )
    if is_refused(error):
        return SourceFailure(
            "MetricsRefused",
            f"{url} refused the connection: nothing listens on this port. If the model is still loading, "
            "the container needs a readinessProbe; if its metrics have another port, name that under "
            f"{_PORT}",
        )
    if isinstance(error, TimeoutError):
        return SourceFailure(
            "MetricsUnreadable",
            f"{url} gave no metrics within {timeout_seconds:g} s; check that no NetworkPolicy keeps the "
            "operator from the pod, and that the server answers while it is busy",
        )
    if (number := getattr(error, "errno", None)) and number != errno.ECONNRESET:
        return SourceFailure("MetricsUnreadable", f"{url} can't be reached: {os.strerror(number)}")
    return SourceFailure(
        "MetricsUnreadable", f"{url} closed the connection without an answer; does this port expect TLS?"
    )


def is_refused(error: Exception) -> bool:
    """Whether nothing listens on the port, which also proves that nothing there is working on a request."""
    return getattr(error, "errno", None) == errno.ECONNREFUSED


def no_metrics(response: aiohttp.ClientResponse, url: str) -> SourceFailure | None:
    """The failure that an answer stands for by its status and headers; None where it may hold metrics."""
    status, kind = response.status, response.content_type
    if status == 404:
        return SourceFailure(
            "MetricsNotFound",
            f"{url} does not exist (status 404); name the path and port of the metrics under http.metrics, "
            "and check that the server is started with metrics",
        )
    if status in (401, 403):
        return SourceFailure(
            "MetricsDenied",
            f"{url} asks for a login (status {status}), and the operator has none for metrics: let the "
            f"server give them without, or on another port, named under {_PORT}",
        )
    if status == 400:
        return SourceFailure(
            "MetricsUnreadable", f"{url} gave no metrics (status 400); does this port expect TLS?"
        )
    if 300 <= status < 400:
        return SourceFailure(
            "MetricsUnreadable",
            f"{url} leads elsewhere (status {status}), and that is not followed: name the path itself under "
            "http.metrics.path",
        )
    if status != 200:
        return SourceFailure("MetricsUnreadable", f"{url} gave no metrics: status {status}")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        return SourceFailure("MetricsUnreadable", f"{url} gave compressed metrics, which are not asked for")
    if kind in ("text/html", "application/json"):
        return SourceFailure(
            "MetricsInvalid",
            f"{url} gave {kind} instead of Prometheus text; name the path of the metrics under "
            "http.metrics.path",
        )
    return None
