"""Poolkeeper learns from a replayed pool's starts what the operator learns from pods."""

from itertools import pairwise

from poolkeeper.backtest.controllers.poolkeeper import Poolkeeper
from poolkeeper.backtest.simulation.replay import Replay
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import Constant
from poolkeeper.controller.pool import starts
from poolkeeper.core.baselines.replica import Replica
from poolkeeper.core.tuning import RELOOK_SECONDS
from poolkeeper.kube.watch.pod import Pod
from tests.unit.backtest.traces import pool

SETTING = Setting(budget_seconds=120, max_replicas=2)


def loading(uid: str, created_at: float) -> Pod:
    """A pod that has been scheduled and is not ready."""
    return Pod(
        uid=uid,
        name=uid,
        namespace="ns",
        labels={},
        created_at=created_at,
        scheduled_at=created_at,
        started_at=created_at,
        ready_at=None,
        is_ready=False,
        is_terminating=False,
        is_finished=False,
        failure="",
        has_node=True,
    )


def watched() -> tuple[Poolkeeper, Replay]:
    """A pool with one request that waits, as Poolkeeper watches it."""
    poolkeeper = Poolkeeper(SETTING)
    view = Replay(pool([0.0], 5), SETTING, Constant(90.0), poolkeeper)
    view.tail = 1
    poolkeeper.sees_requests_at(0.0)
    return poolkeeper, view


def test_running_starts_are_learned_at_the_ages_at_which_the_operator_learns_them() -> None:
    poolkeeper, view = watched()
    view.desired = 2
    view.starting = [Replica(1, 10.0, 400.0), Replica(2, 13.0, 300.0)]
    pods = [loading("1", 10.0), loading("2", 13.0)]
    operator = starts.Starts()
    learned_by_operator, learned = [], []
    for now in (13.0, 14.0, 14.3, 15.0, 19.0, 30.0, 33.0, 80.0, 240.0):
        operator.follow(pods, now)
        learned_by_operator += [
            (sample.uid, sample.observed_at - sample.asked_at) for sample in operator.samples(pods, now)
        ]
        before = set(poolkeeper.state.starts.running)
        poolkeeper.step(now, view)
        learned += [age for uid, age in poolkeeper.state.starts.running if (uid, age) not in before]
    assert learned == [age for _, age in learned_by_operator]
    assert len(learned) > 9


def test_a_start_that_gets_ready_replaces_what_it_taught_while_it_ran() -> None:
    poolkeeper, view = watched()
    replica = Replica(1, 0.0, 90.0)
    view.desired, view.starting = 1, [replica]
    poolkeeper.step(60.0, view)
    assert [age for _, age in poolkeeper.state.starts.running] == [60.0]
    view.starting, view.newly_ready, view.ready = [], [replica], 1
    poolkeeper.step(90.0, view)
    assert list(poolkeeper.state.starts.seconds) == [90.0]
    assert poolkeeper.state.starts.running == ()


def test_a_start_that_is_taken_back_is_no_failure_and_no_fast_start() -> None:
    poolkeeper, view = watched()
    view._scale(0.0, 1)
    poolkeeper.step(60.0, view)
    view._scale(61.0, 0)
    poolkeeper.step(61.0, view)
    learned = poolkeeper.state.starts
    assert (learned.failures, learned.samples, learned.running) == (0, 0, ())


def test_the_operator_does_not_believe_a_start_of_more_than_an_hour_and_neither_does_the_replay() -> None:
    poolkeeper, view = watched()
    view.desired, view.ready, view.newly_ready = 1, 1, [Replica(1, 0.0, 3601.0)]
    poolkeeper.step(3601.0, view)
    assert poolkeeper.state.starts.samples == 0


def test_a_start_is_looked_at_as_often_as_the_operator_reads_its_target() -> None:
    poolkeeper, view = watched()
    view.desired, view.starting = 1, [Replica(1, 0.0, 5000.0)]
    looks = [1.0]
    while looks[-1] < 3000:
        poolkeeper.step(looks[-1], view)
        looks.append(poolkeeper.wake_at)
    assert max(after - before for before, after in pairwise(looks)) <= RELOOK_SECONDS
