"""Which pools read which queues, and over which connections."""

import asyncio
from collections.abc import Iterable, Sequence

from poolkeeper.api.demand import DemandSource
from poolkeeper.core.values.observation import Unavailable
from poolkeeper.sources.addresses import AddressPolicy
from poolkeeper.sources.base import Clock, PoolKey, Publish, ReadSecret, SecretUnavailable, SourceFailure
from poolkeeper.sources.link import Link
from poolkeeper.sources.queue import Server
from poolkeeper.sources.registry import queue_of
from poolkeeper.sources.secrets import SecretContent, SecretFollower, SecretName
from poolkeeper.sources.watch import Watch

MAX_CONNECTIONS = 2_000


class DemandHub:
    """Publishes one outcome per poll and source: a Sample, or Unavailable with what to do about it.

    All methods are called on the event loop and return at once; reading starts when a pool is assigned. Pools
    share a connection if address, TLS, database and credentials are all equal.
    """

    def __init__(
        self,
        publish: Publish,
        read_secret: ReadSecret,
        allowed: AddressPolicy,
        clock: Clock,
        *,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self._publish = publish
        self._allowed = allowed
        self._clock = clock
        self._max_connections = max_connections
        self._pools: dict[PoolKey, dict[DemandSource, Watch | None]] = {}
        self._links: dict[Server, tuple[Link, asyncio.Task[None]]] = {}
        self._secrets = SecretFollower(read_secret, self._secret_read)
        self._contents: dict[SecretName, SecretContent] = {}
        self._users: dict[SecretName, set[Watch]] = {}
        self._without_room: set[Watch] = set()

    def assign(self, pool: PoolKey, sources: Sequence[DemandSource]) -> None:
        """Replace all sources of a pool; those that stay the same are not interrupted."""
        before = self._pools.get(pool, {})
        if list(before) == list(sources):
            return
        self._pools[pool] = {source: before.get(source) or self._begin(pool, source) for source in sources}
        # After the new watches have begun: a connection that both need is not closed in between.
        for source, watch in before.items():
            if source not in sources and watch is not None:
                self._end(watch)

    def forget(self, pool: PoolKey) -> None:
        """Stop reading for a pool, and publish nothing for it any more."""
        self.assign(pool, ())
        self._pools.pop(pool, None)

    async def run(self) -> None:
        """Own the connections until cancelled, then close them."""
        try:
            await asyncio.Event().wait()
        finally:
            await self.close()

    async def close(self) -> None:
        """Forget every pool and close every connection."""
        tasks = [task for _, task in self._links.values()]
        for pool in list(self._pools):
            self.forget(pool)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, pool: PoolKey, source: DemandSource) -> Watch | None:
        try:
            queue = queue_of(source)
        except SourceFailure as failure:
            message = f"source {source.name}: {failure.message}"
            unavailable = Unavailable(source.name, failure.reason, message, self._clock())
            asyncio.get_running_loop().call_soon(self._publish, pool, unavailable)
            return None
        watch = Watch(
            pool=pool,
            source=source.name,
            poll_seconds=source.poll_milliseconds / 1000,
            queue=queue,
            publish=self._publish,
        )
        for secret in _secrets_of(watch):
            self._users.setdefault(secret, set()).add(watch)
            self._secrets.follow(secret)
        self._place(watch)
        return watch

    def _end(self, watch: Watch) -> None:
        watch.is_current = False
        self._detach(watch)
        self._without_room.discard(watch)
        for secret in _secrets_of(watch):
            users = self._users[secret]
            users.discard(watch)
            if not users:
                del self._users[secret]
                self._contents.pop(secret, None)
                self._secrets.forget(secret)

    def _place(self, watch: Watch) -> None:
        """Move a watch to the connection that its declaration and its Secrets describe now."""
        secrets = _secrets_of(watch)
        if not all(secret in self._contents for secret in secrets):
            return  # called again when the Secret has been read
        try:
            values = {secret.name: _readable(self._contents[secret]) for secret in secrets}
            self._attach(watch, watch.queue.server(values))
        except SourceFailure as failure:
            self._detach(watch)
            asyncio.get_running_loop().call_soon(watch.fail, failure, self._clock())

    def _attach(self, watch: Watch, server: Server) -> None:
        if watch.server == server:
            return
        self._detach(watch)
        if server not in self._links:
            self._links[server] = self._connect(watch, server)
        watch.server = server
        self._links[server][0].add(watch)

    def _connect(self, watch: Watch, server: Server) -> tuple[Link, asyncio.Task[None]]:
        if len(self._links) >= self._max_connections:
            self._without_room.add(watch)
            raise SourceFailure(
                "TooManyConnections",
                f"all {self._max_connections} connections are in use: let pools share a server and a login",
            )
        link = Link(server, allowed=self._allowed, clock=self._clock, rejected=self._login_rejected)
        return link, asyncio.get_running_loop().create_task(link.run(), name="demand link")

    def _detach(self, watch: Watch) -> None:
        server, watch.server = watch.server, None
        if server is None:
            return
        link, task = self._links[server]
        link.remove(watch)
        if link.is_empty:
            task.cancel()
            del self._links[server]
            waiting, self._without_room = self._without_room, set()
            for other in waiting:
                self._place(other)

    def _secret_read(self, secret: SecretName, content: SecretContent) -> None:
        self._contents[secret] = content
        for watch in list(self._users.get(secret, ())):
            self._place(watch)

    def _login_rejected(self, watches: Iterable[Watch]) -> None:
        for secret in {secret for watch in watches for secret in _secrets_of(watch)}:
            self._secrets.refresh(secret)


def _secrets_of(watch: Watch) -> list[SecretName]:
    """Secrets come from the pool's own namespace only, where its author may use them anyway."""
    return [SecretName(watch.pool.namespace, name) for name in sorted(watch.queue.secrets)]


def _readable(content: SecretContent) -> dict[str, bytes]:
    if isinstance(content, SecretUnavailable):
        raise SecretUnavailable(
            content.reason, content.message
        )  # a new one, since raising the same one grows its traceback
    return dict(content)
