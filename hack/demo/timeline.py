"""Draws what happens in the cluster: a new line whenever something visible has changed."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

LABEL_WIDTH = 7


@dataclass(frozen=True)
class Pace:
    """The waits of an act."""

    limit_seconds: float = 180.0
    """Longest that one trip may take."""
    look_seconds: float = 0.3
    """Between two looks at the cluster."""
    settle_seconds: float = 2.0
    """Until kube-proxy has followed a change of the Service's endpoints."""


FOR_PEOPLE = Pace()


@dataclass(frozen=True)
class Replicas:
    """A pool's replicas and the decision behind them, read from the objects that a user would look at."""

    desired: int
    ready: int
    reason: str
    message: str

    @classmethod
    def of(cls, deployment: dict[str, Any], pool: dict[str, Any]) -> "Replicas":
        """From a Deployment and its AcceleratorPool."""
        decision = pool.get("status", {}).get("decision", {})
        return cls(
            desired=deployment["spec"]["replicas"],
            ready=deployment["status"].get("readyReplicas", 0),
            reason=decision.get("reason", ""),
            message=decision.get("message", ""),
        )

    @property
    def shows(self) -> tuple[int, int, str]:
        """What a line shows: everything but the message, whose numbers change all the time."""
        return self.desired, self.ready, self.reason

    @property
    def at_zero(self) -> bool:
        """There is no replica, and the operator has decided on none."""
        return not (self.desired or self.ready) and self.reason == "AtZero"

    def line(self, ceiling: int) -> Text:
        """A dot for each allowed replica, and the reason of the decision."""
        return Text.assemble(
            ("●" * min(self.ready, self.desired), "green"),
            ("◌" * max(0, self.desired - self.ready), "cyan"),
            ("·" * max(0, ceiling - self.desired), "dim"),
            f" {self.ready} of {self.desired} ready  ",
            (self.reason, "bold"),
        )


class Moment(Protocol):
    """What the cluster shows at one instant."""

    @property
    def replicas(self) -> Replicas:
        """The pool's part of it."""

    @property
    def shows(self) -> tuple[object, ...]:
        """What a line shows; a new line is drawn when it changes."""

    def line(self) -> Text:
        """The line, without the time."""


M = TypeVar("M", bound=Moment)


@dataclass
class Timeline:
    """The lines of one trip from zero and back, with a clock that starts at zero."""

    console: Console
    pace: Pace = FOR_PEOPLE
    _began: float = field(default_factory=time.monotonic)
    _last: Moment | None = None

    def follow(self, look: Callable[[], M], until: Callable[[M], bool]) -> bool:
        """Draws until a condition holds; False if the time limit comes first."""
        while self._elapsed < self.pace.limit_seconds:
            moment = look()
            self._draw(moment)
            if until(moment):
                return True
            time.sleep(self.pace.look_seconds)
        return False

    def note(self, text: str, style: str = "bold green") -> None:
        """A line with the time about something outside of the pool, such as a request."""
        self.console.print(Text.assemble((self._clock, "dim"), (text, style)))

    def explain(self, words: str) -> None:
        """Words about the line above."""
        self.console.print(Padding(Text(words, "dim"), (0, 0, 0, LABEL_WIDTH), expand=False))

    def _draw(self, moment: Moment) -> None:
        """A line if something changed, and the decision's message if the reason is new."""
        last, self._last = self._last, moment
        if last is None or last.shows != moment.shows:
            self.console.print(Text.assemble((self._clock, "dim"), moment.line()))
        if last is None or last.replicas.reason != moment.replicas.reason:
            self.explain(moment.replicas.message)

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    @property
    def _clock(self) -> str:
        minutes, seconds = divmod(int(self._elapsed), 60)
        return f"{minutes:2}:{seconds:02}  "
