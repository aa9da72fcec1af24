"""What users read of the bill: the lines of `status.cost`, and the condition WithinBudget."""

import math

from poolkeeper.api.status import CostStatus
from poolkeeper.controller.billing.calendar import is_zone, time_of_day
from poolkeeper.controller.billing.metering import fleet, spent, today, zone_of
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.controller.reporting.conditions import UNDECIDED
from poolkeeper.core.billing import say
from poolkeeper.core.billing.amounts import number_of, summed
from poolkeeper.core.billing.books import CELL_SECONDS, CELLS, month
from poolkeeper.core.billing.kept import to_text
from poolkeeper.core.billing.meter import Meter, projected
from poolkeeper.core.billing.occupancy import Running, rate
from poolkeeper.core.billing.spending import Spending
from poolkeeper.core.policy.say import count
from poolkeeper.core.values.decision import Verdict


def cost_status(pool: Pool, now: float) -> CostStatus | None:
    """What was paid for up to now; None while no replica was ever seen."""
    if pool.meter is None:
        return None
    meter = projected(pool.meter, now, today(pool, now))
    if not is_worth_keeping(meter):
        return None
    return CostStatus(
        today=f"{say.bill(summed(meter.books.today))}. Counted until {time_of_day(now, zone_of(pool))}; "
        f"from then on, {_running(meter.running, now, zone_of(pool))}",
        last_30_days=_month(pool, meter, now),
        account=to_text(pool.meter),
    )


def _month(pool: Pool, meter: Meter, now: float) -> str:
    """The last 30 days, and what was saved in them."""
    sums = summed(month(meter.books, now))
    begin = max(meter.first_at, (number_of(now, CELL_SECONDS) - CELLS + 1) * CELL_SECONDS)
    saved = say.saved(fleet(pool, now - begin).micro_dollars, sums)
    return "; ".join(filter(None, (say.bill(sums), saved)))


def _running(running: Running, now: float, zone: str) -> str:
    """What runs: 2 replicas of nvidia-l4 (4 chips each) and 1 node tail until 13:49 UTC cost $9.60 an
    hour."""
    parts = []
    for unit, starting, serving in running.groups:
        chips = "of unknown chips" if unit.chips is None else f"{count(unit.chips, 'chip')} each"
        parts.append(f"{count(starting + serving, 'replica')} of {unit.accelerator_class} ({chips})")
    if tails := [tail for tail in running.tails if tail.until > now]:
        until = time_of_day(max(tail.until for tail in tails), zone)
        parts.append(f"{count(sum(tail.replicas for tail in tails), 'node tail')} until {until}")
    if not parts:
        return "nothing runs"
    per_hour = rate(running, now)
    cost = "an unknown amount" if per_hour is None else say.dollars(per_hour)
    return f"{' and '.join(parts)} cost {cost} an hour"


def is_worth_keeping(meter: Meter) -> bool:
    """Whether the meter has counted anything, so that it has to outlast a restart."""
    return bool(meter.books.total) or meter.running != Running()


def within_budget(pool: Pool, now: float) -> Verdict | None:
    """Whether the day's dollars last; None where the pool has no budget."""
    spec, found, zone = pool.declaration.spec, spent(pool, now), zone_of(pool)
    if spec is None or spec.budget is None:
        return None
    if found is None:
        return UNDECIDED
    so_far = f"{say.dollars(found.spent)} of {say.limit(found.allowance.micro_dollars)} is spent today"
    if not is_zone(zone):
        so_far += f" (UTC, since {zone!r} is not a time zone: write one like Europe/Berlin)"
    if found.is_spent:
        return Verdict(False, "BudgetSpent", f"{so_far}; {_once_spent(found, zone)}")
    if not found.is_known:
        unknown = "what a replica costs is not known: give its AcceleratorClass a price"
        return Verdict(None, "PriceUnknown", f"{so_far}, and {unknown}")
    forecast = _forecast(found, zone)
    if found.is_mostly_spent:
        return Verdict(True, "MostlySpent", f"{so_far}, more than 80 %; {forecast}")
    return Verdict(True, "BudgetLasts", f"{so_far}; {forecast}")


def _once_spent(found: Spending, zone: str) -> str:
    ends_at = time_of_day(found.ends_at, zone)
    if not found.allowance.is_capped:
        return f"nothing follows until {ends_at}, because spec.budget.action is Warn"
    return (
        f"until {ends_at} no replica is started, and idle ones stop, because spec.budget.action is Cap: "
        "wait, or raise spec.budget.dollarsPerDay"
    )


def _forecast(found: Spending, zone: str) -> str:
    if not found.per_hour:
        return "nothing runs now"
    at_rate = f"at the present rate of {say.dollars(found.per_hour)} an hour"
    if math.isinf(found.spent_at):
        return f"{at_rate}, the rest lasts until the day ends"
    return f"{at_rate}, all of it is spent at {time_of_day(found.spent_at, zone)}"
