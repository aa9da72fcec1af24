"""What is believed of the demand that sources show: not all that is in flight is work, and not all silence is
true."""

from poolkeeper.core.learning.silence import disbelieved
from poolkeeper.core.learning.state import PoolState
from poolkeeper.core.values import excess
from poolkeeper.core.values.demand import Workload, distrust, survey
from poolkeeper.core.values.observation import Observation
from poolkeeper.core.values.spec import PoolSpec


def believe(
    now: float, spec: PoolSpec, observation: Observation, state: PoolState
) -> tuple[Workload, PoolState]:
    """The demand to decide by, and the state with the surplus of requests in flight that was seen."""
    workload = survey(now, spec, observation, max(spec.idle_seconds or 0.0, state.starts.p50_seconds))
    surplus = excess.weigh(state.excess, now, spec, workload, observation.replicas)
    if surplus is not state.excess:
        state = state._replace(excess=surplus)
    if spec.outlives_workers:
        workload = excess.without(workload, surplus)
    if blind := disbelieved(now, spec, state.silence, observation.replicas):
        workload = distrust(workload, spec, blind)
    return workload, state
