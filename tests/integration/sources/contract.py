"""What every kind of queue must do; a kind's tests inherit this and give it a `bench` fixture."""

from typing import Protocol

from poolkeeper.api.demand import DemandSource
from poolkeeper.core.values.ledger import Sample
from poolkeeper.sources.registry import queue_of, sees_in_flight
from tests.integration.sources.listening import POOL, Listening

WRONG_PASSWORD = b"not-the-right-one"


class Bench(Protocol):
    """A real server with one queue on it, and a worker's and an operator's hands."""

    source: DemandSource

    def put(self, jobs: int) -> None:
        """Add jobs."""

    def take(self) -> None:
        """Take one job, as a worker does."""

    def finish(self) -> None:
        """Finish the job that was taken."""

    def stop(self) -> None:
        """Stop the server; what it held is lost."""

    def start(self) -> None:
        """Start it again, with the queue declared but empty."""

    def freeze(self) -> None:
        """Keep the server from answering, with its connections open."""

    def thaw(self) -> None:
        """Let it answer again."""

    def require_login(self) -> DemandSource:
        """Ask for a password from now on; the source then names the key `password` of Secret `login`."""


class QueueContract:
    """The promises that the package docstring of `poolkeeper.sources` makes."""

    async def test_counts_what_waits(self, bench: Bench, listening: Listening) -> None:
        bench.put(3)
        listener = listening.to(bench.source)
        await listener.sample(lambda sample: sample.queued == 3)
        bench.put(2)
        await listener.sample(lambda sample: sample.queued == 5)

    async def test_work_that_was_taken_is_in_flight_or_declared_unseen(
        self, bench: Bench, listening: Listening
    ) -> None:
        bench.put(2)
        bench.take()
        expected = 1 if sees_in_flight(bench.source) else None
        listener = listening.to(bench.source)
        busy = await listener.sample()
        assert (busy.queued, busy.in_flight) == (1, expected)
        bench.finish()
        done = await listener.sample(lambda sample: sample.in_flight != 1)
        assert (done.queued, done.in_flight) == (1, 0 if sees_in_flight(bench.source) else None)

    async def test_the_marker_changes_with_the_work_in_flight(
        self, bench: Bench, listening: Listening
    ) -> None:
        bench.put(2)
        listener = listening.to(bench.source)
        bench.take()
        first = await listener.sample(lambda sample: sample.queued == 1)
        bench.finish()
        bench.take()
        second = await listener.sample(lambda sample: sample.queued == 0)
        assert (first.in_flight_marker != second.in_flight_marker) == sees_in_flight(bench.source)

    async def test_a_drained_queue_is_empty(self, bench: Bench, listening: Listening) -> None:
        bench.put(1)
        bench.take()
        bench.finish()
        sample = await listening.to(bench.source).sample()
        assert (sample.queued, sample.in_flight or 0) == (0, 0)

    async def test_a_stopped_server_is_unknown_and_its_return_shows(
        self, bench: Bench, listening: Listening
    ) -> None:
        bench.put(1)
        listener = listening.to(bench.source)
        before = await listener.sample()
        bench.stop()
        outage = await listener.unavailable()
        assert (await listener.unavailable()).since == outage.since
        bench.start()
        after = await listener.sample()
        assert (after.queued, after.server_id != before.server_id) == (0, True)

    async def test_a_frozen_server_is_unknown_until_it_answers(
        self, bench: Bench, listening: Listening
    ) -> None:
        bench.put(1)
        listener = listening.to(bench.source)
        before = await listener.sample()
        bench.freeze()
        outage = await listener.unavailable("Timeout")
        assert outage.since >= before.observed_at
        bench.thaw()
        after = await listener.sample()
        assert (after.queued, after.server_id) == (1, before.server_id)

    async def test_a_wrong_login_is_unknown_and_names_no_credential(
        self, bench: Bench, listening: Listening
    ) -> None:
        listening.secrets.contents[POOL.namespace, "login"] = {"password": WRONG_PASSWORD}
        refused = await listening.to(bench.require_login()).unavailable("AuthRejected")
        assert WRONG_PASSWORD.decode() not in repr(listening.listener.heard) + refused.message

    def test_a_server_shows_no_credential(self, bench: Bench) -> None:
        queue = queue_of(bench.require_login())
        assert WRONG_PASSWORD.decode() not in repr(queue.server({"login": {"password": WRONG_PASSWORD}}))

    async def test_a_missing_secret_is_unknown_until_it_appears(
        self, bench: Bench, listening: Listening
    ) -> None:
        listener = listening.to(bench.require_login())
        await listener.unavailable("SecretNotFound")
        listening.secrets.contents[POOL.namespace, "login"] = {"other": b"x"}
        missing_key = await listener.unavailable("SecretKeyMissing")
        assert "no key password" in missing_key.message

    async def test_a_forgotten_pool_is_not_heard_of_again(self, bench: Bench, listening: Listening) -> None:
        listener = listening.to(bench.source)
        await listener.sample()
        listening.hub.forget(POOL)
        heard = len(listener.heard)
        other = POOL._replace(name="other")
        listening.to(bench.source, pool=other)
        await listener.sample(pool=other)
        assert [outcome for pool, outcome in listener.heard[heard:] if pool == POOL] == []

    async def test_samples_are_dated_before_they_arrive(self, bench: Bench, listening: Listening) -> None:
        listener = listening.to(bench.source)
        first, second = await listener.sample(), await listener.sample()
        assert isinstance(first, Sample)
        assert first.observed_at < second.observed_at
