"""Which of several pools with one Service has its requests held: two would rewrite each other's slice."""

from collections.abc import Mapping

from poolkeeper.controller.front.http_pool import HttpPool
from poolkeeper.controller.pool.store import Store
from poolkeeper.core.values.decision import Verdict
from poolkeeper.core.values.identity import PoolKey


def settle_claims(pools: Mapping[PoolKey, HttpPool], store: Store) -> None:
    """The oldest has the Service, by name among equals, as with targets; the others are told whose it is."""
    by_age = sorted((pool.declaration.created_at, key) for key in pools if (pool := store.get(key)))
    owners: dict[tuple[str, str], PoolKey] = {}
    for _, key in by_age:
        http = pools[key]
        first = owners.setdefault((key.namespace, http.http.service), key)
        owner = None if first == key else first
        if http.owner != owner:
            http.owner, http.read_again_at = owner, 0.0
            http.has_news.set()


def shared_service(service: str, owner: PoolKey) -> Verdict:
    """An older pool holds the requests of the same Service."""
    message = (
        f"pool {owner.name} names the same Service {service} and is older: give each pool a Service of its "
        "own, or delete one of them. For this one nothing is held, and its replicas stay as they are."
    )
    return Verdict(False, "ServiceShared", message)
