"""Killed and replaced activators and controllers: nothing is lost silently, nothing is executed twice."""

import asyncio

import httpx
import pytest

from tests.integration.activator.scene import ActivatorScene


async def test_a_killed_activator_fails_what_it_held_and_its_successor_goes_on(scene: ActivatorScene) -> None:
    scene.models.load_seconds = 3.0
    lost = asyncio.create_task(scene.ask("lost"))
    await scene.wait_for_replicas(1)
    await scene.replace_killed_activator()
    with pytest.raises(httpx.TransportError):
        await lost
    assert (await scene.ask("kept")).text == "answer to kept"
    assert sum(model.answered for model in scene.models.ever) == 1


async def test_an_activator_that_is_told_to_stop_finishes_what_it_holds(scene: ActivatorScene) -> None:
    scene.models.load_seconds = 3.0
    held = [asyncio.create_task(scene.ask(f"number {number}")) for number in range(10)]
    await scene.wait_for_replicas(1)
    await scene.drain_activator()
    answers = await asyncio.gather(*held)
    assert [answer.text for answer in answers] == [f"answer to number {number}" for number in range(10)]
    assert sum(model.answered for model in scene.models.ever) == 10


async def test_a_controller_killed_while_requests_wait(scene: ActivatorScene) -> None:
    scene.models.load_seconds = 2.0
    held = [asyncio.create_task(scene.ask(f"number {number}")) for number in range(10)]
    await scene.wait_for_replicas(1)
    scene.kill_operator()
    await scene.start_operator()
    answers = await asyncio.gather(*held)
    assert {answer.status_code for answer in answers} == {200}
    assert sum(model.answered for model in scene.models.ever) == 10


async def test_a_request_that_comes_while_the_pool_stops_is_not_lost(scene: ActivatorScene) -> None:
    """Requests at random instants around the way down; each is answered exactly once."""
    sent = 0
    for pause in (0.5, 1.5, 2.5, 5.5, 6.2, 6.6, 7.0, 7.4, 8.0):
        assert (await scene.ask(f"number {sent}")).text == f"answer to number {sent}"
        sent += 1
        await asyncio.sleep(pause)
    assert sum(model.answered for model in scene.models.ever) == sent
