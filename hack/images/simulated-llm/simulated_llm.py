"""A stand-in for an LLM server: loads for a while, then streams tokens at a set rate, as vLLM's API does.

LOAD_SECONDS until it listens, TOKENS_PER_SECOND and TOKENS per answer, CONCURRENCY answers at once (the rest
waits inside), FAIL_STARTS=yes to exit instead of becoming ready. Load is published under vLLM's names. On
SIGTERM it finishes what it has begun.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator

from aiohttp import web

PORT = 8000


class Model:
    """Answers with numbered tokens."""

    def __init__(self) -> None:
        self._token_seconds = 1 / float(os.environ.get("TOKENS_PER_SECOND", "50"))
        self._tokens = int(os.environ.get("TOKENS", "20"))
        self._slots = asyncio.Semaphore(int(os.environ.get("CONCURRENCY", "8")))
        self._running = self._waiting = self._answered = 0

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """/v1/completions and /v1/chat/completions."""
        asked = await request.json()
        tokens = int(asked.get("max_tokens") or self._tokens)
        self._waiting += 1
        async with self._slots:
            self._waiting -= 1
            self._running += 1
            try:
                if asked.get("stream"):
                    return await self._stream(request, tokens)
                text = "".join([token async for token in self._generate(tokens)])
                message = {"role": "assistant", "content": text}
                choice = {"index": 0, "message": message, "text": text, "finish_reason": "stop"}
                return web.json_response({**self._described("chat.completion"), "choices": [choice]})
            finally:
                self._running -= 1
                self._answered += 1

    async def metrics(self, _: web.Request) -> web.Response:
        """/metrics under vLLM's names."""
        labels = '{model_name="simulated"}'
        return web.Response(
            text=f"vllm:num_requests_running{labels} {self._running}\n"
            f"vllm:num_requests_waiting{labels} {self._waiting}\n"
            f"vllm:request_success_total{labels} {self._answered}\n"
        )

    async def _stream(self, request: web.Request, tokens: int) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        async for token in self._generate(tokens):
            choice = {"index": 0, "delta": {"content": token}, "text": token, "finish_reason": None}
            chunk = {**self._described("chat.completion.chunk"), "choices": [choice]}
            await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")
        return response

    async def _generate(self, tokens: int) -> AsyncIterator[str]:
        for number in range(tokens):
            await asyncio.sleep(self._token_seconds)
            yield f"token{number} "

    @staticmethod
    def _described(kind: str) -> dict[str, object]:
        return {"id": "simulated", "object": kind, "created": int(time.time()), "model": "simulated"}


async def list_models(_: web.Request) -> web.Response:
    """/v1/models: the only one."""
    model = {"id": "simulated", "object": "model", "created": 0, "owned_by": "nobody"}
    return web.json_response({"object": "list", "data": [model]})


async def healthy(_: web.Request) -> web.Response:
    """/health: loaded."""
    return web.Response(text="ok\n")


def application() -> web.Application:
    """All that is served."""
    app = web.Application()
    model = Model()
    app.router.add_post("/v1/completions", model.complete)
    app.router.add_post("/v1/chat/completions", model.complete)
    app.router.add_get("/v1/models", list_models)
    app.router.add_get("/metrics", model.metrics)
    app.router.add_get("/health", healthy)
    return app


def main() -> None:
    """Loads, then serves until SIGTERM."""
    time.sleep(float(os.environ.get("LOAD_SECONDS", "0")))
    if os.environ.get("FAIL_STARTS") == "yes":
        raise SystemExit("this model is set to fail at loading")
    web.run_app(application(), port=PORT, shutdown_timeout=600.0, print=None)


if __name__ == "__main__":
    main()
