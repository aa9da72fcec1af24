"""Whether requests were lost or executed twice, and which of them a kill explains."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from hack.bench.http.scene.clients import ANSWERED, CUT, NO_ENDPOINT, REFUSED, RESET, Attempt

INSIDE_SECONDS = 2.0
"""What was inside a killed process must fail within this time."""
REACH_SECONDS = 5.0
"""How long nodes may go on sending connections to where a process was killed, until its endpoint has left."""
BAD_GATEWAY = "status 502"


class Victim(StrEnum):
    """What was killed."""

    ACTIVATOR = "activator"
    MODEL = "model pod"


@dataclass(frozen=True, slots=True)
class Kill:
    """One SIGKILL."""

    victim: Victim
    address: str
    at: float

    def explains(self, attempt: Attempt) -> bool:
        """Whether a request failed because of it: inside the process, or on the way to where it had been."""
        if attempt.ended < self.at:
            return False
        if attempt.outcome == REFUSED:
            return attempt.address == self.address and attempt.began <= self.at + REACH_SECONDS
        if attempt.outcome == NO_ENDPOINT:
            return self.victim is Victim.MODEL and attempt.began <= self.at + REACH_SECONDS
        if attempt.ended > self.at + INSIDE_SECONDS:
            return False
        if attempt.outcome in (RESET, CUT) and attempt.address == self.address:
            return True
        # Behind an activator: 502, or an answer cut off where it had begun, but never silence.
        behind = self.victim is Victim.MODEL and attempt.through_activator
        return behind and attempt.outcome in (BAD_GATEWAY, CUT)


@dataclass(slots=True)
class Verdict:
    """Counts, and whatever must not be."""

    requests: int = 0
    answered: int = 0
    through_activators: int = 0
    explained: Counter[tuple[Victim, str]] = field(default_factory=Counter)
    lost: list[Attempt] = field(default_factory=list)
    twice: list[int] = field(default_factory=list)
    never: list[int] = field(default_factory=list)
    """Answered, though no server has executed them."""

    @property
    def is_met(self) -> bool:
        """Whether nothing was lost without a kill and nothing was executed twice."""
        return bool(self.answered) and not (self.lost or self.twice or self.never)


def judge(attempts: Sequence[Attempt], kills: Sequence[Kill], executed: Iterable[int]) -> Verdict:
    """The verdict on requests, given what was killed and the numbers that servers say they executed."""
    times = Counter(executed)
    verdict = Verdict(
        requests=len(attempts), twice=sorted(each for each, count in times.items() if count > 1)
    )
    for attempt in attempts:
        verdict.through_activators += attempt.through_activator
        if attempt.outcome == ANSWERED:
            verdict.answered += 1
            if attempt.number not in times:
                verdict.never.append(attempt.number)
            continue
        kill = next((each for each in kills if each.explains(attempt)), None)
        if kill is None:
            verdict.lost.append(attempt)
        else:
            verdict.explained[kill.victim, attempt.outcome] += 1
    return verdict
