"""Bounds on what is held."""

from dataclasses import dataclass

from poolkeeper.activator.net.limits import Limits


@dataclass(slots=True)
class Budget:
    """A bounded amount, of requests or bytes, that is taken up and given back."""

    most: int
    """The bound; under a lowered one, what is taken up stays."""
    used: int = 0

    def fits(self, amount: int) -> bool:
        """Whether so much more is left."""
        return self.used + amount <= self.most


class Charge:
    """What one request takes up of one or more budgets."""

    def __init__(self, *budgets: Budget) -> None:
        self._budgets = budgets
        self.amount = 0

    def fits(self, amount: int) -> bool:
        """Whether so much more is left of each budget."""
        return all(budget.fits(amount) for budget in self._budgets)

    def reserve(self, amount: int) -> bool:
        """Take up so much more; False, and nothing taken up, if it does not fit everywhere."""
        fits = self.fits(amount)
        if fits:
            self.set(self.amount + amount)
        return fits

    def set(self, amount: int) -> None:
        """Take up so much in all, even where it goes beyond a bound."""
        for budget in self._budgets:
            budget.used += amount - self.amount
        self.amount = amount


class Budgets:
    """What all pools of one activator take up together."""

    def __init__(self, limits: Limits) -> None:
        self.requests = Budget(limits.total_requests)
        """Requests that are held or at a replica."""
        self.body_bytes = Budget(limits.total_bytes)
        """Bytes of bodies in memory."""
        self.head_bytes = Budget(limits.total_head_bytes)
        """Bytes of heads in memory, and what came with them."""

    @property
    def bytes(self) -> int:
        """Bytes of requests in memory."""
        return self.body_bytes.used + self.head_bytes.used
