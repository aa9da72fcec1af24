"""What users read of the waits for admission of a pool, by what held its replicas."""

from collections.abc import Iterator

from poolkeeper.api.status import AdmissionStatus
from poolkeeper.core.learning.starts.admission import Admission, spread
from poolkeeper.core.values.admission import CAUSES


def held(waits: Admission) -> Iterator[AdmissionStatus]:
    """The waits that are over: the age of one that goes on would be written once a minute."""
    for cause, seconds in zip(CAUSES, waits.waits, strict=True):
        found = spread(waits._replace(waiting=()), cause, 0.0)
        if found is not None:
            p50_seconds, p95_seconds = map(round, found)
            yield AdmissionStatus(
                cause=cause, p50_seconds=p50_seconds, p95_seconds=p95_seconds, waits=len(seconds)
            )
