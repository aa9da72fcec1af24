"""Pools that start alike: those of one namespace with the same class, and with the same image in the
container that serves.

Pools of other namespaces are left out, because another tenant must not decide what this one expects.
"""

from poolkeeper.controller.pool.pool import Pool
from poolkeeper.controller.pool.replicas.serving import serving_container
from poolkeeper.controller.pool.store import Store
from poolkeeper.core.learning.starts.admission import NOTHING_HELD, Admission
from poolkeeper.core.learning.starts.shared import pooled
from poolkeeper.core.tuning import SHARED_UNTIL_STARTS

MOST_LOOKED_AT = 100
"""Pools of a namespace that are looked at, so that thousands in one namespace cost no more."""


def starts_of_siblings(store: Store, pool: Pool) -> tuple[float, ...]:
    """The last starts of the pools that start alike, in seconds, from the shortest to the longest; none where
    the pool has enough starts of its own."""
    declared, image, state = pool.declaration.spec, _image(pool), pool.state
    if declared is None or not image or state is None or state.starts.samples >= SHARED_UNTIL_STARTS:
        return ()
    return pooled(
        each.state.starts.seconds
        for each in store.in_namespace(pool.key.namespace, MOST_LOOKED_AT)
        if each is not pool
        and each.state is not None
        and each.declaration.spec is not None
        and each.declaration.spec.accelerator.class_ == declared.accelerator.class_
        and _image(each) == image
    )


def waits_of_siblings(store: Store, pool: Pool) -> list[Admission]:
    """What is known of the waits for admission of the other pools of the namespace with the same class: they
    wait for the same nodes, whatever they load."""
    declared = pool.declaration.spec
    return [
        each.state.admission
        for each in store.in_namespace(pool.key.namespace, MOST_LOOKED_AT)
        if each is not pool
        and each.state is not None
        and declared is not None
        and each.declaration.spec is not None
        and each.declaration.spec.accelerator.class_ == declared.accelerator.class_
        and each.state.admission.remembered != NOTHING_HELD
    ]


def _image(pool: Pool) -> str:
    container = serving_container(pool.surroundings.containers, pool.starts.serving)
    return container.image if container else ""
