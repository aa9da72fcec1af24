"""Redis' error replies as failures of a source, with what the pool's owner can do about them."""

from hiredis import ReplyError

from poolkeeper.sources.base import CredentialsRejected, SourceFailure

RIGHTS = {
    "lists": "+info +llen +lindex +multi +exec +type",
    "streams": "+info +xinfo|groups +xlen +xpending +xrange +type",
}
"""Rights for ACL SETUSER that the user of a queue needs; +select too for a database other than 0."""

_MAX_QUOTED = 200

_LOGIN = {
    "NOAUTH": (
        "AuthRequired",
        "asks for a login; name a Secret in the pool's demand under auth.passwordSecret",
    ),
    "WRONGPASS": ("AuthRejected", "refused the user name or password; correct the Secret named under auth"),
}
_SERVER_STATES = {
    "LOADING": ("Loading", "is loading its data set; the operator asks again until it is loaded"),
    "BUSY": ("Busy", "is blocked by a long-running script; end the script with SCRIPT KILL"),
    "DENIED": (
        "ProtectedMode",
        "is in protected mode and refuses other hosts; give it a password, or set protected-mode no",
    ),
    "MASTERDOWN": ("MasterDown", "is a replica without its master; use the address of a master"),
    "CLUSTERDOWN": ("ClusterDown", "belongs to a Redis Cluster that is down"),
    "MOVED": (
        "NotThisNode",
        "is a Redis Cluster node that does not hold this key; use the address of the one that does",
    ),
    "ASK": (
        "NotThisNode",
        "is a Redis Cluster node that is handing this key over; the operator asks it again",
    ),
}


def code(error: ReplyError) -> str:
    """The first word of an error reply, for example WRONGTYPE."""
    return str(error).partition(" ")[0]


def failure(error: ReplyError, key: str) -> SourceFailure:
    """The failure that an error reply to a command on `key` stands for."""
    word = code(error)
    if word in _LOGIN:
        reason, text = _LOGIN[word]
        return CredentialsRejected(reason, f"the server {text}")
    if word in _SERVER_STATES:
        reason, text = _SERVER_STATES[word]
        return SourceFailure(reason, f"the server {text}")
    if word == "NOPERM":
        needed = "; ".join(f"{kind} need {rights}" for kind, rights in RIGHTS.items())
        return SourceFailure(
            "PermissionDenied",
            f"the Redis user may not read {key!r} ({quoted(error)}); grant it with ACL SETUSER: {needed}",
        )
    return SourceFailure("ServerError", f"the server answered for {key!r}: {quoted(error)}")


def login_failure(error: ReplyError) -> SourceFailure:
    """The failure that an error reply to AUTH stands for.

    Its text is never quoted: a server that does not know AUTH repeats the arguments, including the password.
    """
    word = code(error)
    if word in _LOGIN or word in _SERVER_STATES:
        return failure(error, "")
    return CredentialsRejected(
        "AuthRejected",
        "the server refused the login; if it requires no password, remove auth from the pool's demand",
    )


def quoted(error: ReplyError) -> str:
    """A server's text on one line of limited length, since the server may be hostile."""
    printable = "".join(letter if letter.isprintable() else " " for letter in str(error))
    return printable[:_MAX_QUOTED]
