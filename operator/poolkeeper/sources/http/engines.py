"""The metrics in which model servers publish their load, and how a text of metrics is read.

Names are those of vLLM (V1), SGLang, Text Generation Inference, Triton with the TensorRT-LLM backend,
trtllm-serve and llama.cpp's server, as their documentation gives them. `activity` are counters that rise with
every request, so that a request which comes and goes between two readings is not missed.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from poolkeeper.sources.base import SourceFailure


@dataclass(frozen=True, slots=True)
class Series:
    """A metric, narrowed by labels where one name carries several meanings; all that match are added up."""

    name: str
    labels: tuple[tuple[str, str], ...] = ()


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


def read_load(text: str, engines: Iterable[Engine] = ENGINES) -> ServerLoad:
    """The load that a text of metrics shows, by the first engine whose gauges are in it.

    Raises SourceFailure where none fits: a server whose load is not understood must not pass for idle.
    """
    known = tuple(engines)
    names = {series.name for engine in known for series in _all_series(engine)}
    found = _samples(text, names)
    for engine in known:
        waiting, running = _total(found, engine.waiting), _total(found, engine.running)
        if running is not None:
            activity = _total(found, engine.activity) or 0.0
            return ServerLoad(round(waiting or 0.0), round(running), activity)
    raise SourceFailure(
        "MetricsUnknown",
        "The model server's metrics show no number of running requests under a name that is known; name the "
        f"engine's own series, or use one of {', '.join(engine.name for engine in known)}.",
    )


Samples = list[tuple[str, dict[str, str], float]]


def _samples(text: str, names: set[str]) -> Samples:
    """Only lines of wanted series are parsed: a server publishes thousands of others."""
    wanted = [line for line in text.splitlines() if _name_of(line) in names]
    try:
        families = list(text_string_to_metric_families("\n".join(wanted) + "\n"))
    except (ValueError, KeyError, IndexError) as error:
        raise SourceFailure("MetricsInvalid", "The model server's metrics can't be parsed.") from error
    return [(sample.name, sample.labels, sample.value) for family in families for sample in family.samples]


def _name_of(line: str) -> str:
    return line.partition("{")[0].partition(" ")[0]


def _total(samples: Samples, series: tuple[Series, ...]) -> float | None:
    values = [
        value
        for name, labels, value in samples
        for one in series
        if name == one.name and all(labels.get(key) == wanted for key, wanted in one.labels)
    ]
    finite = [value for value in values if 0 <= value < float("inf")]
    if len(finite) != len(values):
        raise SourceFailure("MetricsInvalid", "The model server's load is no number of requests.")
    return sum(finite) if finite else None


def _all_series(engine: Engine) -> tuple[Series, ...]:
    return (*engine.waiting, *engine.running, *engine.activity)
