"""Draws what happens in the cluster, one line whenever something that a watcher would see has changed."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

LOOK_SECONDS = 0.3
LABEL_WIDTH = 7


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
        """What a line tells: everything but the sentence, whose numbers change all the time."""
        return self.desired, self.ready, self.reason

    @property
    def at_zero(self) -> bool:
        """No replica is paid for, and the operator says so."""
        return not (self.desired or self.ready) and self.reason == "AtZero"

    def line(self, ceiling: int) -> Text:
        """A dot per replica that there may be, and the decision."""
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
        """Whatever makes a new line when it changes."""

    def line(self) -> Text:
        """The line, without the time."""


M = TypeVar("M", bound=Moment)


@dataclass
class Timeline:
    """One trip: a clock that starts at zero, and the line drawn last."""

    console: Console
    limit_seconds: float
    _began: float = field(default_factory=time.monotonic)
    _last: Moment | None = None

    def follow(self, look: Callable[[], M], until: Callable[[M], bool]) -> bool:
        """Draws until something holds; False if the trip's time limit comes first."""
        while self._elapsed < self.limit_seconds:
            moment = look()
            self._draw(moment)
            if until(moment):
                return True
            time.sleep(LOOK_SECONDS)
        return False

    def tell(self, text: str, style: str = "bold green") -> None:
        """A line about something that happened beside the pool, under the present time."""
        self.console.print(Text.assemble((self._clock, "dim"), (text, style)))

    def explain(self, words: str) -> None:
        """What is to be said about the line above."""
        self.console.print(Padding(Text(words, "dim"), (0, 0, 0, LABEL_WIDTH), expand=False))

    def _draw(self, moment: Moment) -> None:
        """A line where something changed; the decision's words where it is a new one."""
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
