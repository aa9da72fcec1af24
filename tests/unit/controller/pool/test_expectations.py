"""What a pool is expected to take before anything was measured: its own figure, else that of its class."""

from typing import Any

import pytest

from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.api.pool import AcceleratorPoolSpec
from poolkeeper.controller.pool.translate import pool_spec


def declared(cold_start: dict[str, Any], **more: Any) -> AcceleratorPoolSpec:
    return AcceleratorPoolSpec.model_validate(
        {
            "targetRef": {"name": "chat"},
            "accelerator": {"class": "cpu"},
            "replicas": {"max": 2},
            "coldStart": {"budgetSeconds": 60, **cold_start},
            "demand": [{"name": "web", "http": {"service": "chat", "port": 80}}],
            **more,
        }
    )


@pytest.mark.parametrize(
    ("of_pool", "of_class", "service_seconds"),
    [({}, {}, None), ({}, {"expectedServiceSeconds": 5}, 5), ({"expectedServiceSeconds": 2}, {}, 2),
     ({"expectedServiceSeconds": 2}, {"expectedServiceSeconds": 5}, 2)],
)  # fmt: skip
def test_the_expected_service_time(
    of_pool: dict[str, Any], of_class: dict[str, Any], service_seconds: float | None
) -> None:
    accelerator = AcceleratorClassSpec.model_validate({"vendor": "None", "displayName": "CPU", **of_class})
    assert pool_spec(declared({}, **of_pool), accelerator).expected_service_seconds == service_seconds


@pytest.mark.parametrize(
    ("of_pool", "of_class", "start_seconds"),
    [({}, {}, 60), ({}, {"expectedStartSeconds": 20}, 20), ({"expectedSeconds": 8}, {}, 8),
     ({"expectedSeconds": 8}, {"expectedStartSeconds": 20}, 8)],
)  # fmt: skip
def test_the_expected_start_time(
    of_pool: dict[str, Any], of_class: dict[str, Any], start_seconds: float
) -> None:
    accelerator = AcceleratorClassSpec.model_validate({"vendor": "None", "displayName": "CPU", **of_class})
    assert pool_spec(declared(of_pool), accelerator).start_prior_seconds == start_seconds
