"""Published LLM traces without service times: Azure's (2023) and Mooncake's (2025).

The service time is computed from the tokens of a request, with a rate for the prompt and a time per generated
token that are typical of one accelerator with a mid-sized model. They only set the scale of the load.
"""

import json
import random
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from poolkeeper.backtest.readers.instants import date
from poolkeeper.backtest.readers.lines import json_lines, number, records
from poolkeeper.backtest.readers.source import Source
from poolkeeper.backtest.traces.trace import Trace, TraceBuilder, TraceError

PROMPT_TOKENS_PER_SECOND = 8_000.0
SECONDS_PER_GENERATED_TOKEN = 0.02
MOONCAKE_SLOT_SECONDS = 3.0
"""Mooncake's timestamps are multiples of 3 s; requests are spread evenly at random inside their slot, and
no further than to the next timestamp, so that finer ones stay in order.
"""


def service_seconds(prompt_tokens: float, generated_tokens: float) -> float:
    """Seconds that a replica works on a request: 8,000 prompt tokens and 50 generated ones take 2 s."""
    return prompt_tokens / PROMPT_TOKENS_PER_SECOND + generated_tokens * SECONDS_PER_GENERATED_TOKEN


def read_azure_llm(source: Source) -> Trace:
    """AzureLLMInferenceTrace_*.csv: TIMESTAMP,ContextTokens,GeneratedTokens."""
    builder = TraceBuilder(source)
    began: datetime | None = None
    for line, (stamp, prompt, generated) in records(
        source, ["TIMESTAMP", "ContextTokens", "GeneratedTokens"]
    ):
        instant = date(source, line, "TIMESTAMP", stamp)
        began = began or instant
        service = _service(source, line, prompt, generated)
        builder.add((instant - began).total_seconds(), service, line=line)
    return builder.build(source.name)


def _service(source: Source, line: int, prompt: str, generated: str) -> float:
    return service_seconds(
        number(source, line, "prompt tokens", prompt), number(source, line, "generated tokens", generated)
    )


def read_mooncake(source: Source, seed: int) -> Trace:
    """Mooncake's traces: JSON lines with timestamp (ms), input_length, output_length, or the same as CSV."""
    rows = _mooncake_jsonl(source) if source.first_line().startswith("{") else _mooncake_csv(source)
    jitter = random.Random(f"{seed} mooncake")  # noqa: S311
    builder = TraceBuilder(source)
    slot = 0.0
    waiting: list[tuple[float, float, int]] = []
    for line, milliseconds, service in rows:
        seconds = milliseconds / 1000
        if waiting and seconds != slot:
            _spread(builder, slot, waiting, max(0.0, min(MOONCAKE_SLOT_SECONDS, seconds - slot)))
            waiting = []
            if seconds < slot:
                builder.add(seconds, service, line=line)
        slot = seconds
        waiting.append((jitter.random() * 0.999, service, line))
    _spread(builder, slot, waiting, MOONCAKE_SLOT_SECONDS)
    return builder.build(source.name)


def _spread(
    builder: TraceBuilder, slot: float, waiting: list[tuple[float, float, int]], seconds: float
) -> None:
    for share, service, line in sorted(waiting):
        builder.add(slot + share * seconds, service, line=line)


def _mooncake_csv(source: Source) -> Iterator[tuple[int, float, float]]:
    for line, (stamp, prompt, generated) in records(
        source, ["timestamp_ms", "input_length", "output_length"]
    ):
        yield line, number(source, line, "timestamp_ms", stamp), _service(source, line, prompt, generated)


def _mooncake_jsonl(source: Source) -> Iterator[tuple[int, float, float]]:
    for line, content in json_lines(source):
        yield line, *_mooncake_request(source, line, content)


def _mooncake_request(source: Source, line: int, content: str) -> tuple[float, float]:
    try:
        request: Any = json.loads(content)
        stamp, prompt, generated = (request[key] for key in ("timestamp", "input_length", "output_length"))
        return float(stamp), service_seconds(float(prompt), float(generated))
    except (ValueError, TypeError, KeyError) as error:
        message = "must be an object with the numbers timestamp (ms), input_length and output_length"
        raise TraceError(source, message, line) from error
