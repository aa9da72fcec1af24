"""All pools and classes that exist, and the pools by namespace, class and target."""

from collections.abc import Hashable
from itertools import islice
from typing import TypeVar

from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.controller.pool.pool import Declaration, Pool
from poolkeeper.controller.pool.translate import is_for_training_only
from poolkeeper.core.learning.starts.scarce import Scarce
from poolkeeper.core.values.decision import Verdict
from poolkeeper.core.values.identity import PoolKey, TargetKey
from poolkeeper.core.values.unit_cost import read_for

Value = TypeVar("Value", bound=Hashable)
TargetObject = tuple[str, str, str, str]
ScarceKey = tuple[str, str, str]


class Index(dict[Value, set[PoolKey]]):
    """Pools by something that they declare."""

    def add(self, value: Value, key: PoolKey) -> None:
        self.setdefault(value, set()).add(key)

    def discard(self, value: Value, key: PoolKey) -> None:
        self[value].discard(key)
        if not self[value]:
            del self[value]


class Store:
    """Plain data: the caller that changes a pool also marks it on the agenda."""

    def __init__(self) -> None:
        self.classes: dict[str, AcceleratorClassSpec] = {}
        self.bill_problem: Verdict | None = None
        """Why the hours of bills are not kept; None where they are (keeper)."""
        self._pools: dict[PoolKey, Pool] = {}
        self._indexed: dict[PoolKey, Declaration] = {}
        self._by_namespace: Index[str] = Index()
        self._by_target: Index[TargetObject] = Index()
        self._by_class: Index[str] = Index()
        self._by_partner: Index[PoolKey] = Index()
        self.scarce: dict[ScarceKey, Scarce] = {}
        """Classes without capacity, by namespace, name and market: the pools of a namespace share what they
        find out."""

    def __len__(self) -> int:
        return len(self._pools)

    def get(self, key: PoolKey) -> Pool | None:
        return self._pools.get(key)

    def all(self) -> list[Pool]:
        return list(self._pools.values())

    @property
    def namespaces(self) -> set[str]:
        return set(self._by_namespace)

    def put(self, pool: Pool) -> None:
        """Add a pool, or index its changed declaration."""
        self.remove(pool.key)
        declaration = pool.declaration
        self._pools[pool.key] = pool
        self._indexed[pool.key] = declaration
        self._by_namespace.add(pool.key.namespace, pool.key)
        for target in declaration.targets:
            self._by_target.add(target_object(target), pool.key)
        for name in declaration.classes:
            self._by_class.add(name, pool.key)
        for partner in declaration.partners:
            self._by_partner.add(partner, pool.key)

    def remove(self, key: PoolKey) -> None:
        if self._pools.pop(key, None) is None:
            return
        declaration = self._indexed.pop(key)
        self._by_namespace.discard(key.namespace, key)
        if key.namespace not in self._by_namespace:
            self.scarce = {each: known for each, known in self.scarce.items() if each[0] != key.namespace}
        for target in dict.fromkeys(map(target_object, declaration.targets)):
            self._by_target.discard(target, key)
        for name in dict.fromkeys(declaration.classes):
            self._by_class.discard(name, key)
        for partner in declaration.partners:
            self._by_partner.discard(partner, key)

    def in_namespace(self, namespace: str, most: int | None = None) -> list[Pool]:
        """The pools of a namespace; some of them where there are more than `most`."""
        return [self._pools[key] for key in islice(self._by_namespace.get(namespace, ()), most)]

    def of_class(self, name: str) -> list[Pool]:
        return [self._pools[key] for key in self._by_class.get(name, ())]

    def of_parts(self, name: str) -> list[Pool]:
        """The pools of classes that are a part of this one, whose price and watts theirs follow."""
        whole = self.classes.get(name)
        parts = [
            part
            for part, spec in self.classes.items()
            if spec.part_of and any(each is whole for each in read_for(spec, self.classes)[1:])
        ]
        return [pool for part in parts for pool in self.of_class(part)]

    def linked(self, key: PoolKey) -> set[PoolKey]:
        """The pools that a pool names in `with`, or that name it, as far as they exist."""
        pool = self._pools.get(key)
        named = pool.declaration.partners if pool else ()
        return {each for each in (*named, *self._by_partner.get(key, ())) if each in self._pools}

    def sharing(self, target: TargetKey) -> list[Pool]:
        """The pools with this target, the oldest first, by name among equals."""
        pools = [self._pools[key] for key in self._by_target.get(target_object(target), ())]
        return sorted(pools, key=lambda pool: (pool.declaration.created_at, pool.key.name))

    def owner(self, target: TargetKey) -> Pool | None:
        """The pool that may write a target, and that its replicas are counted and billed for: of those that
        name it, the first one that can be followed, else the first one. None where no pool names it."""
        sharing = self.sharing(target)
        followed = (pool for pool in sharing if self.can_be_followed(pool))
        return next(followed, sharing[0]) if sharing else None

    def owns(self, pool: Pool, target: TargetKey) -> bool:
        """Whether the replicas of the target count for this pool. A pool that was deleted a moment ago owns
        what no other pool names."""
        owner = self.owner(target)
        return owner is None or owner is pool

    def can_be_followed(self, pool: Pool) -> bool:
        """Whether the class is known, or was, and not refused: else the pool never writes, and claims
        nothing."""
        spec = pool.declaration.spec
        accelerator = self.classes.get(spec.accelerator.class_) if spec else None
        if spec and is_for_training_only(spec.accelerator, accelerator):
            return False
        return pool.resolved is not None or accelerator is not None


def target_object(target: TargetKey) -> TargetObject:
    """Without the version: all versions of an API group show the same object."""
    return target.namespace, target.group, target.kind, target.name
