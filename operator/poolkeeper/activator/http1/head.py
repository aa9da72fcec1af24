"""What an HTTP/1 message head becomes on its way through: checked, freed of what concerns one hop, marked."""

from collections.abc import Iterable, Mapping, Set
from http import HTTPStatus
from urllib.parse import urlsplit

from poolkeeper.activator.http1.framing import BODILESS
from poolkeeper.activator.http1.messages import Header, RequestHead, ResponseHead
from poolkeeper.activator.net.limits import Limits
from poolkeeper.activator.net.refusals import Cause, Refused
from poolkeeper.api.activation import FairBy, PoolRoute

_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-connection proxy-authenticate proxy-authorization".split()
    + b"te transfer-encoding upgrade".split()
)
# RFC 9110 §6.5.1: fields that decide framing, routing or authentication mean nothing once the head is gone.
_NOT_IN_TRAILERS = _HOP_BY_HOP.union(
    b"authorization content-encoding content-length content-range content-type".split(),
    b"cookie host set-cookie trailer".split(),
)


def bad_request(message: str, status: int = 400) -> Refused:
    """A refusal of a request that can't be understood in one way only."""
    return Refused(Cause.BAD_REQUEST, message, status=status, retry_after_seconds=None)


def check(request: RequestHead, limits: Limits) -> None:
    """Refuse what two servers could read as two different requests, and what can't be passed on."""
    fields = request.fields
    if len(fields) > limits.header_lines:
        raise bad_request(f"The request has more than {limits.header_lines} header lines.", 431)
    hosts = [name for name, _ in fields if name.lower() == b"host"]
    if len(hosts) > 1 or (request.is_http_1_1 and not hosts):
        raise bad_request("The request needs exactly one Host header.")
    coding = request.values.get("transfer-encoding")
    if coding is not None and coding.lower() != "chunked":
        raise bad_request("Of all transfer codings only chunked is supported.", 501)
    if coding is not None and not request.is_http_1_1:
        raise bad_request("Transfer-Encoding is not part of HTTP/1.0.")
    if request.method == b"CONNECT":
        raise bad_request("CONNECT is for proxies; this is a model's own address.", 501)
    _origin_form(request.target)


def keeps_connection(request: RequestHead) -> bool:
    """Whether the client may send another request on its connection; of HTTP/1.0 none is expected."""
    return request.is_http_1_1 and "close" not in _tokens(request.values.get("connection", ""))


def awaits_continue(request: RequestHead) -> bool:
    """Whether the client sends its body only after `100 Continue`."""
    return request.is_http_1_1 and request.values.get("expect", "").strip().lower() == "100-continue"


def client_of(route: PoolRoute, headers: Mapping[str, str], address: str) -> str:
    """Whose turn a request takes while it waits; the address where the header is missing.

    The value may be a credential: it is only compared, never shown.
    """
    if route.fair_by is FairBy.HEADER and route.fair_header:
        return headers.get(route.fair_header.lower()) or address
    if route.fair_by is FairBy.API_KEY:
        return headers.get("authorization") or headers.get("x-api-key") or headers.get("api-key") or address
    return address


def wants_websocket(request: RequestHead) -> bool:
    """Whether the request asks to switch to WebSocket, the one upgrade that is passed on."""
    upgrade, connection = request.values.get("upgrade", ""), request.values.get("connection", "")
    return upgrade.strip().lower() == "websocket" and "upgrade" in _tokens(connection)


def accepts_event_stream(headers: Mapping[str, str]) -> bool:
    """Whether the client asks for server-sent events by name."""
    return any(
        part.split(";")[0].strip() == "text/event-stream"
        for part in headers.get("accept", "").lower().split(",")
    )


def for_replica(request: RequestHead, client_address: str, *, is_uncompressed: bool) -> bytes:
    """The request's head as the replica gets it.

    An absolute-form target loses its scheme and authority, which choose nothing here (RFC 9112 §3.2.2 lets
    the authority replace Host). The connection is closed after one exchange: a kept one that the replica
    closes at the same moment would leave open whether the request was executed. `is_uncompressed`: the client
    has a head without a Content-Encoding already.
    """
    target, host = _origin_form(request.target)
    dropped = _dropped(request.values)
    kept, forwarded, via = [], [], []
    if is_uncompressed:
        dropped |= {b"accept-encoding"}
        kept.append(b"Accept-Encoding: identity\r\n")
    for name, value in request.fields:
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
            kept.append(b"%b: %b\r\n" % (name, value))
    if "transfer-encoding" in request.values:
        kept.append(b"Transfer-Encoding: chunked\r\n")
    if "trailers" in _tokens(request.values.get("te", "")):
        kept.append(b"TE: trailers\r\n")
    switches = wants_websocket(request)
    kept.append(b"Connection: Upgrade\r\nUpgrade: websocket\r\n" if switches else b"Connection: close\r\n")
    kept.append(b"X-Forwarded-For: %b\r\n" % b", ".join([*forwarded, client_address.encode()]))
    kept.append(b"Via: %b\r\n\r\n" % b", ".join([*via, b"1.1 poolkeeper"]))
    # HTTP/1.0 knows no Host, HTTP/1.1 demands one: RFC 9112 §3.2 has it sent empty.
    return b"%b %b HTTP/1.1\r\nHost: %b\r\n%b" % (request.method, target, host or b"", b"".join(kept))


def status_line(status: int, reason: bytes) -> bytes:
    """The first line of a response."""
    return b"HTTP/1.1 %d %b\r\n" % (status, reason)


def has_length(response: ResponseHead) -> bool:
    """Whether the response's head says where its body ends, also without chunks."""
    is_sized = "content-length" in response.values and "transfer-encoding" not in response.values
    return is_sized or response.status in BODILESS


def for_client(response: ResponseHead, *, waited_seconds: float, is_chunked: bool, closes: bool) -> bytes:
    """The response's head as the client gets it: marked with its wait, with the framing that it gets here."""
    dropped = _dropped(response.values)
    if "transfer-encoding" in response.values:
        dropped |= {b"content-length"}
    kept = [b"%b: %b\r\n" % field for field in response.fields if field[0].lower() not in dropped]
    if is_chunked:
        kept.append(b"Transfer-Encoding: chunked\r\n")
    kept.append(_waited(waited_seconds))
    if closes:
        kept.append(b"Connection: close\r\n")
    return b"%b%b\r\n" % (status_line(response.status, response.reason), b"".join(kept))


def for_switch(response: ResponseHead, waited_seconds: float) -> bytes:
    """A 101 as the client gets it: the upgrade is between the two ends, so its hop-by-hop fields stay."""
    kept = [b"%b: %b\r\n" % field for field in response.fields]
    return b"%b%b%b\r\n" % (status_line(101, response.reason), b"".join(kept), _waited(waited_seconds))


def for_refusal(refused: Refused, body_bytes: int, waited_seconds: float) -> bytes:
    """The head of an answer of our own."""
    reason = HTTPStatus(refused.status).phrase.encode()
    retry = refused.retry_after_seconds
    return b"%bContent-Type: application/json\r\nContent-Length: %d\r\n%b%bConnection: close\r\n\r\n" % (
        status_line(refused.status, reason),
        body_bytes,
        b"" if retry is None else b"Retry-After: %d\r\n" % retry,
        _waited(waited_seconds),
    )


def trailers(headers: Iterable[Header]) -> list[Header]:
    """Trailers that may be passed on."""
    return [(name, value) for name, value in headers if name.lower() not in _NOT_IN_TRAILERS]


def _waited(seconds: float) -> bytes:
    return b"X-Poolkeeper-Cold-Start: %.3f\r\n" % seconds


def _dropped(values: Mapping[str, str]) -> Set[bytes]:
    """Names of the fields that concern one hop, those that `Connection` names among them."""
    named = {token.encode("latin-1") for token in _tokens(values.get("connection", ""))}
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
