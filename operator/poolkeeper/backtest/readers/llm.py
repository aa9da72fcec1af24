"""Published LLM traces without service times: Azure's (2023) and Mooncake's (2025).

The service time is computed from the tokens of a request, with a rate for the prompt and a time per generated
token that are typical of one accelerator with a mid-sized model. They only set the scale of the load.
"""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from poolkeeper.backtest.readers.lines import first_line, json_lines, number, records
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


def read_azure_llm(path: Path) -> Trace:
    """AzureLLMInferenceTrace_*.csv: TIMESTAMP,ContextTokens,GeneratedTokens."""
    builder = TraceBuilder(path)
    began: datetime | None = None
    for line, (stamp, prompt, generated) in records(path, ["TIMESTAMP", "ContextTokens", "GeneratedTokens"]):
        instant = _instant(path, line, stamp)
        began = began or instant
        service = _service(path, line, prompt, generated)
        builder.add((instant - began).total_seconds(), service, line=line)
    return builder.build(path.name)


def _instant(path: Path, line: int, text: str) -> datetime:
    try:
        stamp = datetime.fromisoformat(text.strip()[:26])
    except ValueError as error:
        raise TraceError(path, f"TIMESTAMP must be a date and time, got {text[:60]!r}", line) from error
    return stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)


def _service(path: Path, line: int, prompt: str, generated: str) -> float:
    return service_seconds(
        number(path, line, "prompt tokens", prompt), number(path, line, "generated tokens", generated)
    )


def read_mooncake(path: Path, seed: int) -> Trace:
    """Mooncake's traces: JSON lines with timestamp (ms), input_length, output_length, or the same as CSV."""
    rows = _mooncake_jsonl(path) if first_line(path).startswith("{") else _mooncake_csv(path)
    jitter = random.Random(f"{seed} mooncake")  # noqa: S311
    builder = TraceBuilder(path)
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
    return builder.build(path.name)


def _spread(
    builder: TraceBuilder, slot: float, waiting: list[tuple[float, float, int]], seconds: float
) -> None:
    for share, service, line in sorted(waiting):
        builder.add(slot + share * seconds, service, line=line)


def _mooncake_csv(path: Path) -> Iterator[tuple[int, float, float]]:
    for line, (stamp, prompt, generated) in records(path, ["timestamp_ms", "input_length", "output_length"]):
        yield line, number(path, line, "timestamp_ms", stamp), _service(path, line, prompt, generated)


def _mooncake_jsonl(path: Path) -> Iterator[tuple[int, float, float]]:
    for line, content in json_lines(path):
        yield line, *_mooncake_request(path, line, content)


def _mooncake_request(path: Path, line: int, content: str) -> tuple[float, float]:
    try:
        request: Any = json.loads(content)
        stamp, prompt, generated = (request[key] for key in ("timestamp", "input_length", "output_length"))
        return float(stamp), service_seconds(float(prompt), float(generated))
    except (ValueError, TypeError, KeyError) as error:
        message = "must be an object with the numbers timestamp (ms), input_length and output_length"
        raise TraceError(path, message, line) from error
