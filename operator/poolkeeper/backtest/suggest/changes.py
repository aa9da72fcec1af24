"""What a pool may declare otherwise to keep its promise, or to make another one."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from poolkeeper.backtest.simulation.setting import Setting

OBJECTIVES = (90.0, 95.0, 98.0, 99.0, 99.5, 99.9, 99.99)
BUDGET_FACTORS = (1.25, 1.5, 2.0, 3.0, 5.0)
REPLICA_FACTORS = (2, 4)

AS_DECLARED = "as declared"
OBJECTIVE = "objectivePercent"
REPLICAS = "replicas.max"
KEEP_WARM = "whenUnattainable"
NEVER_ZERO = "scaleToZero.mode"
ALWAYS_UP = "replicas.min and replicas.max"
BUDGET = "budgetSeconds"


@dataclass(frozen=True, slots=True)
class Change:
    """One field of a pool that is declared otherwise."""

    field: str
    value: str
    setting: Setting
    """What is replayed."""
    budget_seconds: float
    """The promise that it is held to: so many seconds …"""
    objective_percent: float
    """… for this share of the requests."""

    @property
    def words(self) -> str:
        """The line of a pool's declaration."""
        return f"{self.field}: {self.value}" if self.value else self.field


def changes(setting: Setting) -> Iterator[Change]:
    """The pool as it is declared, then other declarations that are held to the same promise."""

    def change(field: str, value: str, other: Setting) -> Change:
        return Change(field, value, other, setting.budget_seconds, setting.objective_percent)

    yield change(AS_DECLARED, "", setting)
    for percent in OBJECTIVES:
        if percent != setting.objective_percent:
            yield change(OBJECTIVE, f"{percent:g}", replace(setting, objective_percent=percent))
    most = setting.max_replicas
    more = sorted({most + 1, *(factor * most for factor in REPLICA_FACTORS)})
    for replicas in more:
        yield change(REPLICAS, str(replicas), replace(setting, max_replicas=replicas))
    yield change(KEEP_WARM, "KeepWarm", replace(setting, keeps_warm=True))
    if not setting.min_replicas:
        yield change(NEVER_ZERO, "Never", replace(setting, min_replicas=1))
    for replicas in [most, *more] if setting.min_replicas < most > 1 else more:
        yield change(ALWAYS_UP, str(replicas), replace(setting, min_replicas=replicas, max_replicas=replicas))


def other_promises(setting: Setting) -> Iterator[Change]:
    """Longer budgets: promises that are easier to keep."""
    for factor in BUDGET_FACTORS:
        seconds = factor * setting.budget_seconds
        other = replace(setting, budget_seconds=seconds)
        yield Change(BUDGET, f"{seconds:g}", other, seconds, setting.objective_percent)
