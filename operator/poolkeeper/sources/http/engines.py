"""The metrics in which model servers publish their load, and the load that they show.

Names are those of vLLM (V1), SGLang, Text Generation Inference, Triton with the TensorRT-LLM backend,
trtllm-serve and llama.cpp's server, as their documentation gives them. `activity` are counters that rise with
every request, so that a request which comes and goes between two readings is not missed.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from poolkeeper.sources.base import SourceFailure
from poolkeeper.sources.http.metrics_text import MetricsText, Series


@dataclass(frozen=True, slots=True)
class Engine:
    """One kind of model server; where a series has several spellings, those that are present count."""

    name: str
    """Name for messages."""
    waiting: tuple[Series, ...]
    """Requests that wait in the server."""
    running: tuple[Series, ...]
    """Requests that it works on."""
    activity: tuple[Series, ...]
    """Counters that rise with every request."""


@dataclass(frozen=True, slots=True)
class ServerLoad:
    """What the metrics of one server show."""

    waiting: int
    """Requests that wait in the server."""
    running: int
    """Requests that it works on."""
    activity: float
    """Its counters, added up."""


def _named(*names: str) -> tuple[Series, ...]:
    return tuple(Series(name) for name in names)


def _trt_llm(kind: str) -> tuple[Series, ...]:
    return (Series("nv_trt_llm_request_metrics", (("request_type", kind),)),)


ENGINES = (
    Engine(
        "vLLM",
        waiting=_named("vllm:num_requests_waiting"),
        running=_named("vllm:num_requests_running"),
        activity=_named("vllm:request_success_total", "vllm:prompt_tokens_total"),
    ),
    Engine(
        "SGLang",
        waiting=_named("sglang:num_queue_reqs"),
        running=_named("sglang:num_running_reqs"),
        activity=_named("sglang:num_requests_total", "sglang:prompt_tokens_total"),
    ),
    Engine(
        "TextGenerationInference",
        waiting=_named("tgi_queue_size"),
        running=_named("tgi_batch_current_size"),
        activity=_named("tgi_request_count", "tgi_request_count_total"),
    ),
    Engine(
        "TritonTensorRtLlm",
        waiting=_trt_llm("waiting"),
        running=_trt_llm("scheduled"),
        activity=_named("nv_inference_request_success", "nv_inference_request_failure"),
    ),
    Engine(
        "TensorRtLlm",
        waiting=_named("trtllm_num_requests_waiting"),
        running=_named("trtllm_num_requests_running"),
        activity=_named("trtllm_request_success_total"),
    ),
    Engine(
        "LlamaCpp",
        waiting=_named("llamacpp:requests_deferred"),
        running=_named("llamacpp:requests_processing"),
        activity=_named("llamacpp:prompt_tokens_total", "llamacpp:tokens_predicted_total"),
    ),
)


def metrics_text(engines: Iterable[Engine]) -> MetricsText:
    """Reads a text for what `load_of` needs."""
    parts = [part for engine in engines for part in (engine.waiting, engine.running, engine.activity)]
    return MetricsText(frozenset(series for part in parts for series in part))


def load_of(totals: Mapping[Series, float], engines: Iterable[Engine]) -> ServerLoad:
    """The load that the totals of a text show, by the first engine whose gauges are in it.

    Raises SourceFailure where none fits: a server whose load is not understood must not pass for idle.
    """
    known = tuple(engines)
    for engine in known:
        waiting, running = _total(totals, engine.waiting), _total(totals, engine.running)
        if running is not None:
            activity = _total(totals, engine.activity) or 0.0
            return ServerLoad(round(waiting or 0.0), round(running), activity)
    raise SourceFailure("MetricsUnknown", _no_series(known))


def _no_series(known: tuple[Engine, ...]) -> str:
    if known == ENGINES:
        engines = ", ".join(engine.name for engine in known)
        return (
            "the metrics have no series for running requests that is known; name it under "
            f"http.metrics.runningSeries, or use one of {engines}"
        )
    names = " and ".join(series.name for engine in known for series in engine.running)
    return f"the metrics have no series {names}; correct http.metrics.runningSeries"


def _total(totals: Mapping[Series, float], series: tuple[Series, ...]) -> float | None:
    values = [totals[one] for one in series if one in totals]
    if not all(math.isfinite(value) for value in values):
        raise SourceFailure(
            "MetricsInvalid", "the metrics give the server's load as negative, infinite or as NaN"
        )
    return sum(values) if values else None
