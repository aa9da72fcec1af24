"""The sentences about replicas that wait for a gate, a quota or a node, or whose image is pulled."""

from collections.abc import Sequence

from poolkeeper.core.policy import say
from poolkeeper.core.values.admission import AdmissionCause
from poolkeeper.core.values.decision import Trouble
from poolkeeper.core.values.observation import POD_MISSING, StartingReplica


def unadmitted(starting: StartingReplica, before: str = "") -> str:
    """A replica without a node, why, and how long such waits took before."""
    sentence = _unadmitted(starting)
    return f"{sentence}; {before}" if before else sentence


def _unadmitted(starting: StartingReplica) -> str:
    words = f": {starting.words.rstrip('.')}" if starting.words else ""
    since = say.time_of_day(starting.asked_at)
    if not starting.pod:
        return (
            f"no pod could be created for a replica that was asked for at {since} ({starting.failure}{words})"
        )
    if starting.failure == POD_MISSING:
        return f"pod {starting.pod} of a replica that was asked for at {since} does not exist"
    return f"pod {starting.pod} has waited for a node since {since} ({starting.failure}{words})"


_HELD_BY = {
    AdmissionCause.GATE: ("a gate", "gates"),
    AdmissionCause.QUOTA: ("a quota", "quotas"),
    AdmissionCause.NO_NODE: ("the wait for a node", "waits for a node"),
    AdmissionCause.PROVISIONING: ("a new node", "new nodes"),
    AdmissionCause.OTHER: ("such a wait", "such waits"),
}


def waits_before(cause: AdmissionCause, seconds: Sequence[float]) -> str:
    """How long waits for admission took that have ended. Example: gates here took 12 to 40 minutes the last 8
    times; empty where none has ended."""
    if not seconds:
        return ""
    one, several = _HELD_BY[cause]
    if len(seconds) == 1:
        return f"the last time, {one} here took {_length(seconds[0])}"
    shortest, longest = _length(min(seconds)), _length(max(seconds))
    if shortest.partition(" ")[2] == longest.partition(" ")[2]:
        shortest = shortest.partition(" ")[0]
    took = longest if shortest == longest.partition(" ")[0] else f"{shortest} to {longest}"
    return f"{several} here took {took} the last {len(seconds)} times"


def _length(length: float) -> str:
    """A length of time in the unit that a person would use: 45 s, 12 minutes, 3 hours."""
    if length < 120.0:
        return f"{length:.0f} s"
    return f"{length / 60.0:.0f} minutes" if length < 7200.0 else f"{length / 3600.0:.0f} hours"


def meanwhile(starting: StartingReplica) -> str:
    """What a replica does that takes long although nothing has failed."""
    return f"pod {starting.pod}: {starting.words}" if starting.pod else starting.words


def no_more_while_refused(waits: str, found: Trouble | None) -> str:
    """Why no further replica is asked for beside one that is refused."""
    why = f": {found.sentence}" if found else ""
    return f"{waits}; no further replica is asked for before the present one is admitted{why}"
