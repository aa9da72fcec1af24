"""A world in which pools share quotas, for tests and the benchmark: random steps, and what is true after
each.

The operator's own books (`controller.quota.quotas.Quotas`) are used as the reconciler uses them. Everything
around them is simulated: an API server whose answers get lost, controllers that make and end pods late, a
watch that delivers late or breaks, other writers, restarts, deleted pools and edited quotas.
"""

from dataclasses import dataclass, field, replace
from random import Random
from types import SimpleNamespace
from typing import Any, cast

from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.controller.pool.store import Store
from poolkeeper.controller.quota.declared import Declared
from poolkeeper.controller.quota.quotas import NoRoom, Quotas
from poolkeeper.core.quota.holding import UNANSWERED_SECONDS
from poolkeeper.core.quota.quota import Measure, Unit
from poolkeeper.core.values.decision import Decision
from poolkeeper.core.values.replica_size import ReplicaSize
from poolkeeper.core.values.stake import Stake
from poolkeeper.kube.objects.quotas import QuotaObject
from poolkeeper.kube.objects.scale import Scale
from poolkeeper.kube.transport.errors import ApiError, ApiUnreachable, ScaleConflict
from poolkeeper.kube.watch.pod import Pod

SELECTOR = "app=model"
CLASSES = {
    "nvidia-l4": AcceleratorClassSpec(
        vendor="NVIDIA", display_name="L4", watts_per_chip=72, dollars_per_chip_hour="0.80"
    ),
    "nvidia-a100": AcceleratorClassSpec(
        vendor="NVIDIA", display_name="A100", watts_per_chip=400, dollars_per_chip_hour="3.67"
    ),
}
LONGEST_LAG_SECONDS = 4.0
"""Controllers act, and the watch delivers, within this time each, or the watch is known to be broken."""
UNREACHABLE = ApiUnreachable("ApiTimeout", "no answer")


@dataclass(slots=True)
class Workload:
    """One target as it really is."""

    asked: int = 0
    version: int = 1
    live: int = 0
    ending: int = 0
    made_by: float = 0.0
    """When its controller has acted on what is asked, at the latest."""
    delivered_by: float = 0.0
    """When the watch delivers the pods again, at the latest."""
    seen: tuple[int, int] = (0, 0)
    """The live and ending pods that the watch has delivered."""
    is_readable: bool = True
    late_write: tuple[int, int, float] | None = None
    """A write without an answer that may still happen: the replicas, the version that it is based on, and
    until when, since the API server has a time limit of its own."""
    elsewhere: int = 0
    """Replicas that others have added since the operator last saw all of it."""

    @property
    def used(self) -> int:
        """The replicas that hold accelerators, or are about to."""
        return max(self.asked, self.live) + self.ending

    def ask(self, replicas: int, now: float) -> None:
        """The API server stores a number of replicas."""
        if self.live == self.asked:
            self.made_by = now + LONGEST_LAG_SECONDS
        self.asked, self.version = replicas, self.version + 1

    def act(self) -> None:
        """The controller makes and ends pods."""
        if self.live > self.asked:
            self.ending += self.live - self.asked
        self.live = self.asked


@dataclass(slots=True)
class Tenant:
    """One pool, what it needs, and its target."""

    pool: Pool
    work: Workload
    needs: int = 0
    is_busy: bool = False


@dataclass
class QuotaWorld:
    """Pools of some namespaces under quotas of chips, watts and dollars."""

    random: Random
    pools: int = 8
    now: float = 1_000_000.0
    tenants: dict[tuple[str, str], Tenant] = field(default_factory=dict)
    declared: dict[str, dict[str, Any]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    """Namespaces whose pods may be out of date, which the operator knows."""
    raises: int = 0
    refused: int = 0
    fullest: float = 0.0
    """The largest part of a limit that was used after a raise."""

    def __post_init__(self) -> None:
        self._generation = self._made = 0
        self._start_operator()
        for _ in range(self.pools):
            self._add_pool()
        self._edit_quota("site")
        self._edit_quota("team")

    def step(self) -> None:
        """One random step. Raises AssertionError where a raise of the operator exceeds a limit."""
        self.now += self.random.choice((0.0, 0.05, 0.5, 2.0))
        self._let_time_act()
        kind = self.random.random()
        if kind < 0.6:
            self._look(self._any())
        elif kind < 0.85:
            self._change_a_workload(self._any())
        elif kind < 0.96:
            self.quotas.bank.settle()
        else:
            self._change_the_scene()

    # What the operator does.

    def _look(self, tenant: Tenant) -> None:
        """As the reconciler looks at a pool: read, observe, decide, and write if anything is to change."""
        pool = tenant.pool
        if self.random.random() < 0.5 or pool.target.scale is None:
            self._read(tenant)
        ceiling = self._observe(tenant)
        if pool.target.scale is None or not self._are_pods_known(tenant):
            self._decided(tenant, None)
            return
        wanted = self._choose(tenant, pool.target.scale.replicas, ceiling)
        if wanted == pool.target.scale.replicas:
            return
        self._read(tenant)
        ceiling = self._observe(tenant)
        if pool.target.scale is not None:
            wanted = self._choose(tenant, pool.target.scale.replicas, ceiling)
            if wanted != pool.target.scale.replicas:
                self._write(tenant, pool.target.scale, wanted)

    def _choose(self, tenant: Tenant, desired: int, ceiling: int | None) -> int:
        spec = tenant.pool.declaration.spec
        needs = min(tenant.needs, spec.replicas.max if spec else 0)
        needed = desired if tenant.is_busy else 0
        stake = Stake(
            needed,
            max(needs, needed),
            waiting=max(0, needs - desired),
            free_at=self.now if not needed else 1e12,
        )
        self._decided(tenant, stake)
        if ceiling is not None and desired > ceiling:
            return desired if tenant.is_busy else ceiling
        if needs > desired:
            return needs if ceiling is None else max(desired, min(needs, ceiling))
        return desired if tenant.is_busy else needs

    def _decided(self, tenant: Tenant, stake: Stake | None) -> None:
        tenant.pool.decision = cast(Decision, SimpleNamespace(stake=stake))
        self.quotas.decided(tenant.pool, may_write=True)

    def _observe(self, tenant: Tenant) -> int | None:
        live, ending = tenant.work.seen
        tenant.pool.pods = _pods(live, ending)
        are_known = self._are_pods_known(tenant)
        ceiling = self.quotas.ceiling(tenant.pool, are_pods_known=are_known)
        if are_known and self._is_settled(tenant):
            tenant.work.elsewhere = 0
        return ceiling

    def _is_settled(self, tenant: Tenant) -> bool:
        """Whether the operator sees all that is true of a target."""
        work, scale = tenant.work, tenant.pool.target.scale
        is_seen = scale is not None and scale.resource_version == str(work.version)
        return is_seen and work.live == work.asked and work.seen == (work.live, work.ending)

    def _are_pods_known(self, tenant: Tenant) -> bool:
        return tenant.pool.key.namespace not in self.broken

    def _read(self, tenant: Tenant) -> None:
        work, target = tenant.work, tenant.pool.target
        if work.is_readable:
            target.was_read(Scale(work.asked, work.live, SELECTOR, str(work.version), "uid"), self.now)
        else:
            target.has_failed(UNREACHABLE, self.now)

    def _write(self, tenant: Tenant, scale: Scale, replicas: int) -> None:
        work, target = tenant.work, tenant.pool.target
        try:
            with self.quotas.writing(tenant.pool, tenant.pool, scale, replicas):
                self._put(tenant, scale, replicas)
        except NoRoom:
            self.refused += 1
            return
        except ScaleConflict:
            target.expire()
            return
        except (ApiError, ApiUnreachable) as failure:
            target.has_failed(failure, self.now)
            return
        target.was_written(
            replace(scale, replicas=replicas, resource_version=str(work.version)),
            self.now,
            only_corrected=False,
        )
        self._note_status(tenant)
        self._observe(tenant)

    def _put(self, tenant: Tenant, scale: Scale, replicas: int) -> None:
        """The API server takes the write, refuses it, or nobody knows."""
        work, fate = tenant.work, self.random.random()
        if replicas > scale.replicas and int(scale.resource_version) == work.version:
            self.raises += 1
            self._check(tenant, replicas)
        if fate < 0.06:
            work.late_write = replicas, int(scale.resource_version), self.now + UNANSWERED_SECONDS
            raise UNREACHABLE
        if fate < 0.09:
            raise UNREACHABLE
        if fate < 0.12:
            raise ApiError(500, "InternalError", "etcd is slow")
        if fate < 0.15:
            raise ApiError(403, "Forbidden", "not now")
        if int(scale.resource_version) != work.version:
            raise ScaleConflict("it was changed")
        work.ask(replicas, self.now)
        if fate < 0.2:
            raise UNREACHABLE

    # What is true.

    def _check(self, raised: Tenant, replicas: int) -> None:
        """No limit that counts a pool is exceeded if it gets so many replicas now."""
        for name, books in self.quotas.bank.books.items():
            declared = self.quotas.declared[name]
            if not _counts(declared, raised):
                continue
            for index, measure in enumerate(books.quota.measures):
                if not (more := _use(raised.pool, measure) * (replicas - raised.work.asked)):
                    continue
                members = (each for each in self.tenants.values() if _counts(declared, each))
                used = more + sum(self._used(each) * _use(each.pool, measure) for each in members)
                limit = books.quota.limits[index]
                assert used <= limit, f"{name}: {used} of {limit} {measure} at {self.now}"
                self.fullest = max(self.fullest, used / limit)

    def _used(self, tenant: Tenant) -> int:
        """The replicas that count, without those that others have added and the operator has not seen yet. A
        pool that can't be read for a minute after a restart counts with what its status says."""
        position = self.quotas.bank.position(tenant.pool.key)
        if position is not None and not self.quotas.was_read(tenant.pool):
            return min(tenant.work.used, position.counted)
        return max(0, tenant.work.used - tenant.work.elsewhere)

    # What happens around.

    def _let_time_act(self) -> None:
        for tenant in self.tenants.values():
            work = tenant.work
            if self.now >= work.made_by:
                work.act()
            if self.now >= work.delivered_by and self._are_pods_known(tenant):
                work.seen, work.delivered_by = (work.live, work.ending), self.now + LONGEST_LAG_SECONDS

    def _change_a_workload(self, tenant: Tenant) -> None:
        work = tenant.work
        match self.random.randrange(9):
            case 0:
                work.act()
            case 1:
                work.ending = self.random.randint(0, work.ending)
            case 2 if self._are_pods_known(tenant):
                work.seen = work.live, work.ending
            case 3:
                tenant.needs, tenant.is_busy = self.random.randint(0, 6), self.random.random() < 0.5
            case 4:
                tenant.needs, tenant.is_busy = self.random.randint(0, 6), True
            case 5:
                work.is_readable = self.random.random() < 0.9
            case 6:
                self._land_late(tenant)
            case 7 if self.random.random() < 0.2:
                more = self.random.randint(1, 3)
                work.elsewhere += more
                work.ask(work.asked + more, self.now)
            case 8 if work.asked and self.random.random() < 0.3:
                work.ask(self.random.randrange(work.asked), self.now)

    def _land_late(self, tenant: Tenant) -> None:
        """A write without an answer happens after all, unless the target was changed meanwhile."""
        work = tenant.work
        late, work.late_write = work.late_write, None
        if late is not None and late[1] == work.version and self.now < late[2]:
            position = self.quotas.bank.position(tenant.pool.key)
            assert position is None or position.held >= late[0] or late[0] <= work.asked, "it was not counted"
            work.ask(late[0], self.now)

    def _change_the_scene(self) -> None:
        match self.random.randrange(8):
            case 0:
                self._restart()
            case 1 | 2:
                self._edit_quota(self.random.choice(("site", "team", "spare")))
            case 3 if len(self.declared) > 1:
                name = self.random.choice(sorted(self.declared))
                del self.declared[name]
                self.quotas.gone(name)
            case 4 if len(self.tenants) > 2:
                self._delete_pool(self._any())
            case 5 if len(self.tenants) < self.pools:
                self._add_pool()
            case 6:
                self.broken ^= {self.random.choice(("a", "b", "c"))}
            case 7:
                self.now += self.random.choice((15.0, 70.0))

    def _restart(self) -> None:
        """Another replica of the operator leads. What the one before has written has happened or never will,
        and such a target can be read."""
        for tenant in self.tenants.values():
            if tenant.work.late_write is not None:
                tenant.work.is_readable = True
                self._land_late(tenant)
            elif tenant.pool.target.failure is not None:
                tenant.work.is_readable = True
        self._start_operator()
        self.broken.clear()
        for tenant in self.tenants.values():
            work, before = tenant.work, tenant.pool
            work.seen = work.live, work.ending
            tenant.pool = _pool(before.key.name, before.key.namespace, dict(before.status), before)
            self.store.put(tenant.pool)
        self.quotas.listed([QuotaObject(name, name, 1, spec, {}) for name, spec in self.declared.items()])
        self.quotas.begin()

    def _start_operator(self) -> None:
        self.store = Store()
        self.store.classes.update(CLASSES)
        self.quotas = Quotas(self.store, lambda _: None, lambda: self.now)

    def _edit_quota(self, name: str) -> None:
        some = self.random.sample(("a", "b", "c"), self.random.randint(1, 3))
        limits: dict[str, Any] = {
            "chips": [{"class": "nvidia-l4", "chips": self.random.randint(0, 40)}],
            "watts": self.random.randint(0, 12_000),
            "dollarsPerHour": f"{self.random.randint(0, 120)}.50",
        }
        guaranteed = {"chips": [{"class": "nvidia-l4", "chips": self.random.randint(0, 8)}]}
        share = {
            "name": "first",
            "namespaces": some[:1],
            "priority": self.random.randint(-1, 1),
            "guaranteed": guaranteed,
            "lends": self.random.random() < 0.5,
            "borrows": self.random.random() < 0.8,
        }
        self._generation += 1
        spec = {
            "namespaces": ["*"] if name == "site" else some,
            "limits": limits,
            "shares": [share] if self.random.random() < 0.7 else [],
        }
        self.declared[name] = spec
        self.quotas.seen(QuotaObject(name, name, self._generation, spec, {}))

    def _add_pool(self) -> None:
        self._made += 1
        pool = _pool(f"pool-{self._made}", self.random.choice(("a", "b", "c")), {}, None)
        pool.surroundings = replace(
            pool.surroundings, size=ReplicaSize(chips=self.random.choice((1, 1, 2, 4)))
        )
        self.tenants[pool.key] = Tenant(pool, Workload())
        self.store.put(pool)

    def _delete_pool(self, tenant: Tenant) -> None:
        del self.tenants[tenant.pool.key]
        self.store.remove(tenant.pool.key)
        self.quotas.forget(tenant.pool)

    def _note_status(self, tenant: Tenant) -> None:
        work = tenant.work
        tenant.pool.status = {"replicas": {"desired": work.asked, "terminating": work.ending}}

    def _any(self) -> Tenant:
        return self.random.choice(list(self.tenants.values()))


def _counts(declared: Declared, tenant: Tenant) -> bool:
    return declared.share_of(tenant.pool.key.namespace, tenant.pool.labels) is not None


def _use(pool: Pool, measure: Measure) -> int:
    """What one replica really uses."""
    spec, chips = pool.declaration.spec, pool.surroundings.size.chips or 0
    name = spec.accelerator.class_ if spec else ""
    if measure.unit is Unit.CHIPS:
        return chips if name == measure.accelerator else 0
    if measure.unit is Unit.WATTS:
        return chips * (CLASSES[name].watts_per_chip or 0)
    return chips * round(1_000_000 * float(CLASSES[name].dollars_per_chip_hour or 0))


def _pool(name: str, namespace: str, status: dict[str, Any], before: Pool | None) -> Pool:
    number = int(name.rpartition("-")[2])
    spec = {
        "targetRef": {"name": name},
        "accelerator": {"class": sorted(CLASSES)[number % 2]},
        "replicas": {"max": 6},
        "coldStart": {"budgetSeconds": 60},
        "demand": [
            {"name": "jobs", "redisList": {"address": "redis:6379", "list": name}, "maxServiceSeconds": 60}
        ],
    }
    metadata = {"namespace": namespace, "name": name, "uid": name, "generation": 1}
    pool = Pool.first_seen({"metadata": metadata, "spec": spec, "status": status})
    if before is not None:
        pool.surroundings = before.surroundings
    return pool


_KNOWN_PODS: dict[tuple[int, int], tuple[Pod, ...]] = {}


def _pods(live: int, ending: int) -> tuple[Pod, ...]:
    if (live, ending) not in _KNOWN_PODS:
        _KNOWN_PODS[live, ending] = tuple(_pod(number, number >= live) for number in range(live + ending))
    return _KNOWN_PODS[live, ending]


def _pod(number: int, is_terminating: bool) -> Pod:
    return Pod(
        uid=f"uid-{number}",
        name=f"pod-{number}",
        namespace="any",
        labels={},
        created_at=0.0,
        scheduled_at=0.0,
        started_at=0.0,
        ready_at=0.0,
        is_ready=not is_terminating,
        is_terminating=is_terminating,
        is_finished=False,
        failure="",
    )
