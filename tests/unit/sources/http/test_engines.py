"""What every kind of model server says of its load, in its own words."""

from collections.abc import Iterable

import pytest

from poolkeeper.sources.base import SourceFailure
from poolkeeper.sources.http.engines import ENGINES, Engine, ServerLoad, load_of, metrics_text
from poolkeeper.sources.http.metrics_text import Series

VLLM = """# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="chat"} 3.0
vllm:num_requests_running{engine="1",model_name="chat"} 1.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="chat"} 2.0
vllm:num_requests_waiting{engine="1",model_name="chat"} 0.0
vllm:request_success_total{engine="0",finished_reason="stop",model_name="chat"} 40.0
vllm:request_success_total{engine="0",finished_reason="length",model_name="chat"} 2.0
vllm:prompt_tokens_total{engine="0",model_name="chat"} 800.0
vllm:time_to_first_token_seconds_bucket{le="0.001",model_name="chat"} 0.0
"""
TRITON = """nv_trt_llm_request_metrics{model="m",request_type="waiting",version="1"} 5
nv_trt_llm_request_metrics{model="m",request_type="scheduled",version="1"} 2
nv_trt_llm_request_metrics{model="m",request_type="max",version="1"} 512
nv_inference_request_success{model="m",version="1"} 7
nv_inference_request_failure{model="m",version="1",reason="OTHER"} 1
"""


def read_load(text: str, engines: Iterable[Engine] = ENGINES) -> ServerLoad:
    reader = metrics_text(engines)
    reader.feed(text.encode() + b"\n")
    return load_of(reader.totals, engines)


@pytest.mark.parametrize(
    ("text", "load"),
    [
        (VLLM, ServerLoad(2, 4, 842.0)),
        ("sglang:num_running_reqs 1.0\nsglang:num_queue_reqs 4.0\n", ServerLoad(4, 1, 0.0)),
        ("tgi_queue_size 1\ntgi_batch_current_size 8\ntgi_request_count 12\n", ServerLoad(1, 8, 12.0)),
        (TRITON, ServerLoad(5, 2, 8.0)),
        ("trtllm_num_requests_waiting 0\ntrtllm_num_requests_running 6\n", ServerLoad(0, 6, 0.0)),
        (
            "llamacpp:requests_processing 1\nllamacpp:requests_deferred 2\nllamacpp:prompt_tokens_total 9\n",
            ServerLoad(2, 1, 9.0),
        ),
    ],
    ids=["vLLM", "SGLang", "TGI", "Triton", "TensorRT-LLM", "llama.cpp"],
)
def test_engines_are_told_by_their_series(text: str, load: ServerLoad) -> None:
    assert read_load(text) == load


def test_a_server_of_ones_own() -> None:
    own = Engine("own", (), (Series("busy", (("lane", "gpu"),)),), (Series("done_total"),))
    text = 'busy{lane="gpu"} 2\nbusy{lane="cpu"} 9\ndone_total 5\n'
    assert read_load(text, [own]) == ServerLoad(0, 2, 5.0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "MetricsUnknown"),
        ("<html>not found</html>", "MetricsUnknown"),
        ("vllm:request_success_total 4\n", "MetricsUnknown"),
        ("vllm:num_requests_running NaN\n", "MetricsInvalid"),
        ("vllm:num_requests_running +Inf\n", "MetricsInvalid"),
        ("vllm:num_requests_running -1\n", "MetricsInvalid"),
        ("vllm:num_requests_running many\n", "MetricsInvalid"),
        ('vllm:num_requests_running{model="a} 1\n', "MetricsInvalid"),
    ],
)
def test_what_is_not_understood_is_never_idle(text: str, reason: str) -> None:
    with pytest.raises(SourceFailure) as failure:
        read_load(text)
    assert failure.value.reason == reason
