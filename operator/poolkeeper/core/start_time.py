"""How long cold starts take: what was seen, in the form that learning and status share."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StartSample:
    """One start of one replica, as far as it has come.

    `uid` is the pod's; a sample with a known uid counts once. Instants are None until reached; `failed` says
    that the replica went away or crashed before it was ever ready, which is never a fast start.
    `observed_at` bounds a start that is still running (a censored sample).
    """

    uid: str
    asked_at: float
    observed_at: float
    created_at: float | None = None
    scheduled_at: float | None = None
    started_at: float | None = None
    ready_at: float | None = None
    failed: bool = False
