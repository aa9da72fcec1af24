"""HTTP/2 frames (RFC 9113), as far as a pass-through must see them: where they begin and what they open."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER_BYTES = 9
END_STREAM = 0x1
END_HEADERS = 0x4
ACK = 0x1
NO_ERROR = 0x0
MOST_CONTROL_FRAME_BYTES = 64
MOST_STREAM = 0x7FFF_FFFF


class FrameType(IntEnum):
    """The types that a pass-through has to know (RFC 9113 §6)."""

    DATA = 0x0
    HEADERS = 0x1
    RST_STREAM = 0x3
    SETTINGS = 0x4
    PING = 0x6
    GOAWAY = 0x7
    CONTINUATION = 0x9


@dataclass(frozen=True, slots=True)
class Frame:
    """The header of a frame, and the payload of a PING."""

    kind: int
    flags: int
    stream: int
    payload: bytes = b""

    @property
    def ends_stream(self) -> bool:
        """Whether its sender sends nothing more on this stream."""
        closing = self.kind in (FrameType.DATA, FrameType.HEADERS) and self.flags & END_STREAM
        return bool(closing) or self.kind == FrameType.RST_STREAM

    @property
    def ends_headers(self) -> bool:
        """Whether no CONTINUATION follows."""
        kinds = (FrameType.HEADERS, FrameType.CONTINUATION)
        return self.kind not in kinds or bool(self.flags & END_HEADERS)

    @property
    def is_ack(self) -> bool:
        """Whether it confirms a SETTINGS or PING."""
        return self.kind in (FrameType.SETTINGS, FrameType.PING) and bool(self.flags & ACK)


def frame(kind: FrameType, *, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    """A frame's bytes."""
    header = struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream)
    return header + payload


def goaway(last_stream: int) -> bytes:
    """A GOAWAY without an error: streams above the last one were not acted upon, and may be tried again."""
    return frame(FrameType.GOAWAY, payload=struct.pack(">II", last_stream, NO_ERROR))


class FrameFilter:
    """Passes on one direction of a connection, and asks `keep` of each frame whether to pass it on.

    Payloads stream through; a frame is only ever taken out or passed as a whole. `through` gets the number of
    each stream whose sender is done with it, once the last byte of that has been passed on and not before.
    """

    def __init__(self, keep: Callable[[Frame], bool], through: Callable[[int], None]) -> None:
        self._keep = keep
        self._through = through
        self._ends_stream: int | None = None
        self._ends_headers = True
        self._header = bytearray()
        self._payload_left = 0
        self._passes = True

    def feed(self, data: bytes) -> bytes:
        """The bytes to pass on; what is not yet a whole frame header (or PING) waits for the next call."""
        passed = bytearray()
        self._header += data
        while True:
            if self._payload_left:
                if not self._header:
                    break
                part = bytes(self._header[: self._payload_left])
                del self._header[: len(part)]
                self._payload_left -= len(part)
                passed += part if self._passes else b""
            elif self._ends_stream is not None and self._ends_headers:
                self._through(self._ends_stream)
                self._ends_stream = None
            elif not self._begin_frame(passed):
                break
        return bytes(passed)

    def _begin_frame(self, passed: bytearray) -> bool:
        if len(self._header) < HEADER_BYTES:
            return False
        length = int.from_bytes(self._header[:3], "big")
        kind, flags, stream = struct.unpack_from(">BBI", self._header, 3)
        is_ping = kind == FrameType.PING and length <= MOST_CONTROL_FRAME_BYTES
        if is_ping and len(self._header) < HEADER_BYTES + length:
            return False
        payload = bytes(self._header[HEADER_BYTES : HEADER_BYTES + length]) if is_ping else b""
        begun = Frame(kind, flags, stream & MOST_STREAM, payload)
        self._passes = self._keep(begun)
        self._ends_stream = begun.stream if begun.ends_stream else self._ends_stream
        self._ends_headers = begun.ends_headers
        passed += self._header[:HEADER_BYTES] if self._passes else b""
        del self._header[:HEADER_BYTES]
        self._payload_left = length
        return True
