"""Where requests wait: one module per kind of queue, read by one hub.

`hub` is the entry: pools are assigned their queues there, and it publishes the outcome of every poll. `link`
polls one server for all queues on it, `secrets` follows the Secrets, `addresses` says which addresses may be
connected to.

To add a kind of queue:

1. Add its model to `api/demand.py` as an optional member of `DemandSource`.
2. Write one module here with a function from that model to what `queue.Queue` asks for, and register it in
   `registry.QUEUES` under the member's name, with whether it shows requests that a replica has taken.
3. Inherit `QueueContract` from `tests/integration/sources/contract.py` in its tests, with a real server: it
   checks that depth, work in flight, a drained queue, a wrong login, a missing Secret and a server that stops
   or hangs come out as this package promises.

What a kind promises: a number that was not read is a `SourceFailure`, never a zero; a request that exists
throughout a poll is counted in it at least once, as waiting or in flight; no message holds a credential; a
read ends within its time limit; two sources share a connection only if all they connect with is equal.
"""
