"""How many starts must have been seen before a slow kind of start can be excluded.

Starts may be of two kinds, such as on a node with the image and on one without. Let the chance of two kinds
be 1 in 6, and each share of slow starts up to 60 % as likely as another. After n fast starts in a row the
next one is slow with a chance of about 0.3 / ((n + 1) × (n + 2)), by Bayes' rule. Example: after 4 fast
starts that is 1 %, so a start that may be late with 1.25 % may be delayed; for 0.25 %, 10 must have been
seen.
"""

import math

from poolkeeper.core.learning.starts.start_time import StartTimes
from poolkeeper.core.tuning import STARTS_BEFORE_DELAY, UNSEEN_KIND_CHANCE


def starts_before_delay(starts: StartTimes, risk: float) -> int:
    """Starts that must have been seen before one may be delayed that may be late with the probability `risk`.

    Where both kinds have been seen, that is no question any more.
    """
    if starts.mixture.slow_share < 1.0 or risk >= 1.0:
        return STARTS_BEFORE_DELAY
    enough = math.ceil(math.sqrt(0.25 + UNSEEN_KIND_CHANCE / max(risk, UNSEEN_KIND_CHANCE * 1e-6)) - 1.5)
    return max(STARTS_BEFORE_DELAY, enough)
