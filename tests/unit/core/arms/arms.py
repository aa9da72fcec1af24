"""Arms for tables: classes with so many replicas that are ready, that load, or that wait for a node."""

from poolkeeper.core.arms.arm import Arm
from poolkeeper.core.learning.starts import start_time
from poolkeeper.core.learning.starts.scarce import PLENTY, Scarce
from poolkeeper.core.learning.starts.start_time import StartSample
from poolkeeper.core.values.observation import Replicas, Stage, StartingReplica
from tests.unit.core.strategies import T0

STARTS = start_time.initial(40.0)
for number in range(8):
    STARTS = start_time.enter(STARTS, StartSample(f"pod-{number}", T0 - 100.0, T0, ready_at=T0 - 60.0))
SHORT = Scarce(1, since=T0 - 400.0, noted_at=T0 - 200.0, asks_at=T0 + 100.0)
"""A class that was asked in vain, and may be asked again in 100 s."""


def arm(
    name: str = "nvidia-l4",
    *,
    ready: int = 0,
    loading: tuple[float, ...] = (),
    pending: tuple[float, ...] = (),
    most: int = 4,
    scarce: Scarce = PLENTY,
    may_write: bool = True,
    reached: Stage | None = None,
) -> Arm:
    """A class whose starts take about 40 s, with replicas that have loaded or waited for so many seconds."""
    starting = [StartingReplica(T0 - age, Stage.RUNNING, T0 - age) for age in loading]
    starting += [
        StartingReplica(T0 - age, Stage.UNADMITTED, failure="Unschedulable", removed_with=reached)
        for age in pending
    ]
    replicas = Replicas(ready + len(starting), ready, tuple(starting))
    return Arm(name, replicas, most, scarce, 5_068_800, may_write, STARTS)
