"""The secret that the controller and the activators share, from a mounted file that may be rotated."""

import hmac
from pathlib import Path


def is_accepted(authorization: str, token_file: Path) -> bool:
    """Whether an Authorization header carries a token that stands on any line of the file; never so where
    the file is empty or missing.

    During a rotation the file holds the new token and the old one, so that neither side is locked out. It
    is read each time, so that a change counts at once.
    """
    scheme, _, token = authorization.partition(" ")
    given = token.strip().encode(errors="surrogateescape")
    try:
        tokens = token_file.read_bytes().split()
    except OSError:
        return False
    known = [hmac.compare_digest(given, each) for each in tokens]
    return scheme.lower() == "bearer" and any(known)
