"""0→N→0 over HTTP: held, answered, out of the way, and back to zero."""

import asyncio

from hack.testing.waiting import eventually
from poolkeeper.kube.objects.endpoint_slices import delete_slice
from tests.integration.activator.scene import ActivatorScene


async def test_a_request_at_zero_is_answered_and_the_pool_returns_to_zero(scene: ActivatorScene) -> None:
    response = await scene.ask("hello")
    assert (response.status_code, response.text) == (200, "answer to hello")
    assert float(response.headers["x-poolkeeper-cold-start"]) >= scene.models.load_seconds

    await scene.wait_for_no_slice()
    assert await scene.models.replicas() == 1
    await scene.wait_for_slice()
    await scene.wait_for_replicas(0)

    async def has_stopped() -> bool:
        return [each.reason for each in await scene.decisions()][-3:-1] == ["HandingOver", "StopIdle"]

    await eventually(has_stopped, "the decisions say why the replica stayed for a while, and that it stopped")
    assert (await scene.status())["coldStart"]["samples"] >= 1


async def test_what_runs_at_the_servers_keeps_the_pool_up(scene: ActivatorScene) -> None:
    await scene.ask("first")
    await scene.wait_for_no_slice()
    (model,) = scene.models.by_pod.values()
    model.running += 1
    await asyncio.sleep(4)
    assert await scene.models.replicas() == 1
    assert not await scene.slices()
    model.running -= 1
    await scene.wait_for_replicas(0)


async def test_a_burst_is_let_go_at_the_replicas_pace(scene: ActivatorScene) -> None:
    answers = await asyncio.gather(*(scene.ask(f"number {number}") for number in range(40)))
    assert [answer.text for answer in answers] == [f"answer to number {number}" for number in range(40)]
    models = scene.models.ever
    assert sum(model.answered for model in models) == 40
    assert max(model.most_running for model in models) <= 2


async def test_a_start_that_outlasts_its_callers_patience_is_not_taken_back(scene: ActivatorScene) -> None:
    scene.models.load_seconds = 9.0
    answers = [await scene.ask("hello", **{"Request-Timeout": "2"})]
    while answers[-1].status_code == 503 and len(answers) < 10:
        await asyncio.sleep(float(answers[-1].headers["retry-after"]))
        answers.append(await scene.ask("hello", **{"Request-Timeout": "2"}))
    assert answers[-1].text == "answer to hello"
    assert len(answers) > 2
    reasons = [decision.reason for decision in await scene.decisions()]
    assert "StartCancelled" not in reasons
    assert len(scene.models.ever) == 1


async def test_a_pod_without_a_readiness_probe_gets_nobody_before_it_listens(scene: ActivatorScene) -> None:
    scene.models.is_ready_at_once, scene.models.load_seconds = True, 4.0
    await scene.wait_for_slice()
    asking = [asyncio.create_task(scene.ask(f"number {number}")) for number in range(5)]
    await scene.wait_for_replicas(1)
    await asyncio.sleep(3.0)
    assert await scene.slices(), "the pod is Ready, and would refuse every caller"
    answers = await asyncio.gather(*asking)
    assert [answer.status_code for answer in answers] == [200] * 5
    await scene.wait_for_no_slice()

    async def is_learned() -> bool:
        known = (await scene.status()).get("coldStart") or {}
        return int(known.get("samples", 0)) >= 1 and float(known["p50Seconds"]) >= 4

    await eventually(is_learned, "the start ends when the model listens, not when its pod is Ready", 30)


async def test_a_controller_that_starts_anew_goes_on_with_the_same_port(scene: ActivatorScene) -> None:
    before = await scene.wait_for_slice()
    scene.operator.stop()
    asking = asyncio.create_task(scene.ask("hello"))
    await asyncio.sleep(0.5)
    await scene.start_operator()
    assert (await asking).text == "answer to hello"
    assert before.ports == (await scene.wait_for_slice()).ports


async def test_a_slice_that_somebody_deletes_comes_back(scene: ActivatorScene) -> None:
    await delete_slice(scene.client, await scene.wait_for_slice())
    await scene.wait_for_slice()
    assert (await scene.ask("hello")).status_code == 200


async def test_what_is_wrong_with_the_service_is_said(scene: ActivatorScene) -> None:
    async def holds() -> bool:
        found = {each["type"]: each for each in (await scene.status()).get("conditions") or ()}
        return bool(found.get("ServiceSuitable", {}).get("reason") == "PreStopMissing")

    await eventually(holds, "the condition names the missing hook", 20)
