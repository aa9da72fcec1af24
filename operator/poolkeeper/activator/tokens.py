"""The secret that the controller and the activators share, from a mounted file that may be rotated."""

import hmac
from pathlib import Path


class TokenFile:
    """Accepts a token that stands on any line of a file; the file is read again whenever it changes.

    During a rotation the file holds the new token and the old one, so that neither side is locked out.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed_at = 0
        self._tokens: tuple[bytes, ...] = ()

    def accepts(self, authorization: str) -> bool:
        """Whether an Authorization header carries one of the tokens; never so for an empty file."""
        scheme, _, token = authorization.partition(" ")
        given = token.strip().encode()
        self._read_if_changed()
        known = [hmac.compare_digest(given, token) for token in self._tokens]
        return scheme.lower() == "bearer" and any(known)

    def _read_if_changed(self) -> None:
        try:
            changed_at = self._path.stat().st_mtime_ns
            if changed_at != self._changed_at:
                self._tokens = tuple(self._path.read_bytes().split())
                self._changed_at = changed_at
        except OSError:
            self._tokens = ()
            self._changed_at = 0
