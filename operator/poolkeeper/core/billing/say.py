"""Amounts in words."""

from poolkeeper.core.billing.amounts import HOUR, MICRO, STATES, Amounts, Sums

NAMES = {"tail": "node tail", "unknown": "busy or idle (not seen)"}
"""Of states whose names in the code would not be understood."""


def dollars(micro_dollars: float) -> str:
    """An amount of money: $0.0042, $3.20 or $1,204."""
    amount = micro_dollars / MICRO
    if amount >= 1000:
        return f"${amount:,.0f}"
    return f"${amount:.2f}" if amount >= 0.1 or not amount else f"${amount:.2g}"


def limit(micro_dollars: int) -> str:
    """A declared amount: $50 or $2.50."""
    return f"${micro_dollars // MICRO:,}" if micro_dollars % MICRO == 0 else dollars(micro_dollars)


def hours(seconds: float) -> str:
    """Hours with the digits that matter: 0.02, 4.0 or 1,204."""
    amount = seconds / HOUR
    if amount >= 100:
        return f"{amount:,.0f}"
    return f"{amount:.1f}" if amount >= 1 or not amount else f"{amount:.2g}"


def energy(watt_hours: float) -> str:
    """Watt-hours, or kilowatt-hours from 1,000 on."""
    return f"{watt_hours / 1000:,.1f} kWh" if watt_hours >= 1000 else f"{watt_hours:.0f} Wh"


def by_state(amounts: Amounts) -> str:
    """Hours of chips by state: 0.2 starting, 3.1 busy, 0.6 idle."""
    found = ((NAMES.get(state, state), getattr(amounts, state)) for state in STATES)
    return ", ".join(f"{hours(seconds)} {name}" for name, seconds in found if round(seconds))


def signed(micro_dollars: float) -> str:
    """What was saved; a loss has a minus."""
    return f"-{dollars(-micro_dollars)}" if micro_dollars < 0 else dollars(micro_dollars)


def saved(fleet_micro_dollars: float | None, sums: Sums) -> str:
    """What was saved in a span: $3.10 against KEDA. Empty where a price is not known."""
    if fleet_micro_dollars is None or not sums.dollars_are_known:
        return ""
    paid = sums.micro_dollars
    others = (("always-on", fleet_micro_dollars), ("KEDA", paid.keda), ("Knative", paid.knative))
    return "saved " + ", ".join(f"{signed(other - paid.paid)} against {name}" for name, other in others)


def bill(sums: Sums) -> str:
    """One span in words: $3.20 for 4.0 accelerator-hours: 0.2 starting, 3.1 busy, 0.7 idle; 288 Wh."""
    chips, parts = sums.chip_seconds, []
    if round(chips.paid):
        states = by_state(chips)
        paid = dollars(sums.micro_dollars.paid) if chips.paid > sums.unpriced else "unknown dollars"
        parts.append(f"{paid} for {hours(chips.paid)} accelerator-hours: {states}")
        if chips.paid > sums.unpowered:
            parts.append(energy(sums.watt_hours.paid))
    if round(sums.unpriced) and chips.paid > sums.unpriced:
        parts.append(f"without {hours(sums.unpriced)} accelerator-hours whose price is unknown")
    if round(sums.unsized):
        parts.append(f"{hours(sums.unsized)} replica-hours whose chips are unknown are not in these numbers")
    return "; ".join(parts) or "nothing was paid for"
