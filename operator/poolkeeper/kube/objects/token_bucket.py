"""How often something may happen: at once a few times, then at a steady pace."""

from dataclasses import dataclass


@dataclass(slots=True)
class TokenBucket:
    """Holds up to `capacity` permissions and gains one every `refill_seconds`."""

    capacity: int
    refill_seconds: float
    filled_at: float
    tokens: float

    @classmethod
    def full(cls, capacity: int, refill_seconds: float, now: float) -> "TokenBucket":
        """A bucket that allows `capacity` at once."""
        return cls(capacity, refill_seconds, now, float(capacity))

    def take(self, now: float) -> bool:
        """Whether it may happen now; if so, it counts as having happened."""
        gained = max(0.0, now - self.filled_at) / self.refill_seconds
        self.tokens = min(self.capacity, self.tokens + gained)
        self.filled_at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True
