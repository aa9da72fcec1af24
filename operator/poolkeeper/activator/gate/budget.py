"""Bounds on what is held."""

from poolkeeper.activator.net.limits import Limits


class Budget:
    """A bounded amount, of requests or bytes, that is taken up and given back."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.used = 0

    @property
    def has_room(self) -> bool:
        """Whether anything is left of it."""
        return self.used < self._most

    def add(self, amount: int) -> None:
        """Take up so much more, even beyond the bound."""
        self.used += amount

    def reserve(self, amount: int) -> bool:
        """Take up so much more; False, and nothing taken up, if it does not fit."""
        if self.used + amount > self._most:
            return False
        self.used += amount
        return True

    def give_back(self, amount: int) -> None:
        """Give back what was taken up."""
        self.used -= amount

    def fits(self, amount: int) -> bool:
        """Whether so much more is left."""
        return self.used + amount <= self._most

    def resize(self, most: int) -> None:
        """Change the bound; what is taken up stays, even beyond the new bound."""
        self._most = most


class Charge:
    """What one request takes up of one or more budgets, until it is released."""

    def __init__(self, *budgets: Budget) -> None:
        self._budgets = budgets
        self.amount = 0

    @property
    def may_grow(self) -> bool:
        """Whether anything is left of each budget."""
        return all(budget.has_room for budget in self._budgets)

    def reserve(self, amount: int) -> bool:
        """Take up so much more; False, and nothing taken up, if it does not fit everywhere."""
        if not all(budget.fits(amount) for budget in self._budgets):
            return False
        self.set(self.amount + amount)
        return True

    def set(self, amount: int) -> None:
        """Take up so much in all, even where it goes beyond a bound."""
        for budget in self._budgets:
            budget.add(amount - self.amount)
        self.amount = amount

    def release(self) -> None:
        """Give back all of it."""
        self.set(0)


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
