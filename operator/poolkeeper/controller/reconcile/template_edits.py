"""An attempt to start that waits because others failed need not wait once the pod template was edited."""

from collections.abc import Callable

from poolkeeper.controller.pool.pool import FailedTemplate, Pool
from poolkeeper.controller.pool.surroundings import SurroundingsReader
from poolkeeper.core.learning.starts import attempts
from poolkeeper.core.values.decision import Reason
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.transport.errors import KubeFailure

REREAD_SECONDS = 10.0
UNREAD_SECONDS = 60.0
"""After a failure to read it."""


class TemplateEdits:
    """Reads the template once when an attempt has failed, and then while requests wait for the next."""

    def __init__(self, surroundings: SurroundingsReader, clock: Callable[[], float]) -> None:
        self._surroundings = surroundings
        self._clock = clock

    async def look(self, pool: Pool, target: TargetKey) -> None:
        """Let the next attempt be made at once if the template differs from the one that failed."""
        state, seen = pool.state, pool.failed_template
        if state is None or not state.attempts.failed:
            return
        settled_at = state.attempts.settled_at
        is_known = seen.settled_at == settled_at
        if is_known and not (_is_paused(pool) and self._clock() >= seen.expires_at):
            return
        try:
            digest = await self._surroundings.template_digest(target)
        except KubeFailure:
            pool.failed_template = FailedTemplate(settled_at, None, self._clock() + UNREAD_SECONDS)
            return
        pool.failed_template = FailedTemplate(settled_at, digest, self._clock() + REREAD_SECONDS)
        is_edited = is_known and seen.digest not in (None, digest)
        # The pool may have been edited meanwhile, and may name another target now.
        if is_edited and pool.state is state and pool.declaration.target == target:
            pool.state = state._replace(attempts=attempts.unpaused(state.attempts, self._clock()))

    def due_at(self, pool: Pool) -> float | None:
        """When to look although nothing happens."""
        return pool.failed_template.expires_at if _is_paused(pool) else None


def _is_paused(pool: Pool) -> bool:
    """Whether requests wait at zero for the next attempt."""
    decision = pool.decision
    return decision is not None and decision.reason is Reason.STARTS_FAILING and not decision.replicas
