"""What an HTTP/1 message head becomes on its way through: checked, freed of what concerns one hop, marked."""

from collections.abc import Iterable, Mapping, Set
from urllib.parse import urlsplit

import h11

from poolkeeper.activator.net.limits import Limits
from poolkeeper.activator.net.refusals import Cause, Refused
from poolkeeper.api.activation import FairBy, PoolRoute

Header = tuple[bytes, bytes]

COLD_START = b"X-Poolkeeper-Cold-Start"
_HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"transfer-encoding",
        b"upgrade",
    )
)
# RFC 9110 §6.5.1: fields that decide framing, routing or authentication mean nothing once the head is gone.
_NOT_IN_TRAILERS = _HOP_BY_HOP | {
    b"authorization",
    b"content-encoding",
    b"content-length",
    b"content-range",
    b"content-type",
    b"cookie",
    b"host",
    b"set-cookie",
    b"trailer",
}


def bad_request(message: str, status: int = 400) -> Refused:
    """A refusal of a request that can't be understood in one way only."""
    return Refused(Cause.BAD_REQUEST, message, status=status, retry_after_seconds=None)


def check(request: h11.Request, limits: Limits) -> None:
    """Refuse what two servers could read as two different requests, and what we can't carry."""
    fields = request.headers.raw_items()
    if len(fields) > limits.header_lines:
        raise bad_request(f"The request has more than {limits.header_lines} header lines.", 431)
    if len(request.target) + sum([len(name) + len(value) for name, value in fields]) > limits.head_bytes:
        raise bad_request(f"The request's head has more than {limits.head_bytes} bytes.", 431)
    names = {name.lower() for name, _ in fields}
    if b"transfer-encoding" in names:
        if b"content-length" in names:
            raise bad_request("The request has both Content-Length and Transfer-Encoding.")
        if request.http_version != b"1.1":
            raise bad_request("Transfer-Encoding needs HTTP/1.1.")
    if request.method == b"CONNECT":
        raise bad_request("CONNECT is for proxies; this is a model's own address.", 501)


def text_headers(request: h11.Request) -> dict[str, str]:
    """Headers by lower-case name, repeated ones joined by commas."""
    joined: dict[str, str] = {}
    for name, value in request.headers.raw_items():
        key, text = name.lower().decode("ascii"), value.decode("latin-1")
        joined[key] = f"{joined[key]}, {text}" if key in joined else text
    return joined


def client_of(route: PoolRoute, headers: Mapping[str, str], address: str) -> str:
    """Whose turn a request takes while it waits; the address where the header is missing.

    The value may be a credential: it is only compared, never shown.
    """
    if route.fair_by is FairBy.HEADER and route.fair_header:
        return headers.get(route.fair_header.lower()) or address
    if route.fair_by is FairBy.API_KEY:
        return headers.get("authorization") or headers.get("x-api-key") or headers.get("api-key") or address
    return address


def has_body(headers: Mapping[str, str]) -> bool:
    """Whether a body of at least one byte may follow a request's head (RFC 9112 §6)."""
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


def wants_websocket(headers: Mapping[str, str]) -> bool:
    """Whether the request asks to switch to WebSocket, the one upgrade that is passed on."""
    return headers.get("upgrade", "").strip().lower() == "websocket" and "upgrade" in _tokens(
        headers.get("connection", "")
    )


def accepts_event_stream(headers: Mapping[str, str]) -> bool:
    """Whether the client asks for server-sent events by name."""
    return any(
        part.split(";")[0].strip() == "text/event-stream"
        for part in headers.get("accept", "").lower().split(",")
    )


def for_replica(request: h11.Request, headers: Mapping[str, str], client_address: str) -> bytes:
    """The request's head as the replica gets it.

    An absolute-form target loses its scheme and authority, which choose nothing here (RFC 9112 §3.2.2 lets
    the authority replace Host). The connection is closed after one exchange: a kept one that the replica
    closes at the same moment would leave open whether the request was executed.

    Written here, since h11 would check once more each value that it has let pass when it came.
    """
    target, host = _origin_form(request.target)
    dropped = _dropped(headers.get("connection", ""))
    kept, forwarded, via = [], [], []
    for name, value in request.headers.raw_items():
        key = name.lower()
        if key == b"host":
            host = value if host is None else host
        elif key in dropped:
            continue
        elif key == b"x-forwarded-for":
            forwarded.append(value)
        elif key == b"via":
            via.append(value)
        else:
            kept.append(b"%s: %s\r\n" % (name, value))
    if "transfer-encoding" in headers:
        kept.append(b"Transfer-Encoding: chunked\r\n")
    if "trailers" in _tokens(headers.get("te", "")):
        kept.append(b"TE: trailers\r\n")
    switches = wants_websocket(headers)
    kept.append(b"Connection: Upgrade\r\nUpgrade: websocket\r\n" if switches else b"Connection: close\r\n")
    kept.append(b"X-Forwarded-For: %s\r\n" % b", ".join([*forwarded, client_address.encode()]))
    kept.append(b"Via: %s\r\n\r\n" % b", ".join([*via, b"1.1 poolkeeper"]))
    # HTTP/1.0 knows no Host, HTTP/1.1 demands one: RFC 9112 §3.2 has it sent empty.
    return b"%s %s HTTP/1.1\r\nHost: %s\r\n%s" % (request.method, target, host or b"", b"".join(kept))


def for_client(response: h11.Response, *, waited_seconds: float, closes: bool) -> h11.Response:
    """The response as the client gets it: marked with its wait, and with `Connection: close` where asked."""
    connection = b",".join(value for name, value in response.headers if name == b"connection")
    kept = _end_to_end(response.headers.raw_items(), connection.decode("latin-1"))
    if any(name == b"transfer-encoding" for name, _ in response.headers):
        kept = [(name, value) for name, value in kept if name.lower() != b"content-length"]
        kept.append((b"Transfer-Encoding", b"chunked"))
    kept.append((COLD_START, b"%.3f" % waited_seconds))
    if closes:
        kept.append((b"Connection", b"close"))
    return h11.Response(status_code=response.status_code, headers=kept, reason=response.reason)


def for_switch(response: h11.InformationalResponse, waited_seconds: float) -> h11.InformationalResponse:
    """A 101 as the client gets it: the upgrade is between the two ends, so its hop-by-hop fields stay."""
    kept = [*response.headers.raw_items(), (COLD_START, b"%.3f" % waited_seconds)]
    return h11.InformationalResponse(status_code=101, headers=kept, reason=response.reason)


def trailers(headers: Iterable[Header]) -> list[Header]:
    """Trailers that may be passed on."""
    return [(name, value) for name, value in headers if name.lower() not in _NOT_IN_TRAILERS]


def _end_to_end(items: Iterable[Header], connection: str) -> list[Header]:
    dropped = _dropped(connection)
    return [(name, value) for name, value in items if name.lower() not in dropped]


def _dropped(connection: str) -> Set[bytes]:
    """Names of the fields that concern one hop, those that `Connection` names among them."""
    named = {token.encode("latin-1") for token in _tokens(connection)}
    return _HOP_BY_HOP | (named - {b"content-length", b"host", b"content-type"}) if named else _HOP_BY_HOP


def _origin_form(target: bytes) -> tuple[bytes, bytes | None]:
    if target.startswith(b"/") or target == b"*":
        return target, None
    try:
        parts = urlsplit(target.decode("ascii"))
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        raise bad_request("The request's target is no path and no URL.") from None
    if parts.scheme not in ("http", "https", "ws", "wss") or not host:
        raise bad_request("The request's target is no path and no URL.")
    path = parts.path or "/"
    return (f"{path}?{parts.query}" if parts.query else path).encode("ascii"), host.encode("ascii")


def _tokens(value: str) -> set[str]:
    return {token.strip().lower() for token in value.split(",") if token.strip()}
