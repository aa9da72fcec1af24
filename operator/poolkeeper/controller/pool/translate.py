"""From what users declare to what a decision depends on."""

from poolkeeper.api.accelerator_class import AcceleratorClassSpec, Purpose
from poolkeeper.api.demand import DemandSource
from poolkeeper.api.pool import Accelerator, AcceleratorPoolSpec, TargetReference
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.core.values.spec import PoolSpec, SourceSpec, start_mode
from poolkeeper.sources.registry import counts_taken, keeps_in_flight, sees_in_flight

DEFAULT_START_SECONDS = 60
"""Expected start time where neither the pool nor its class says anything."""


def pool_spec(declared: AcceleratorPoolSpec, accelerator: AcceleratorClassSpec) -> PoolSpec:
    """The values that `decide` is given."""
    prior = (
        declared.cold_start.expected_seconds or accelerator.expected_start_seconds or DEFAULT_START_SECONDS
    )
    step = declared.replicas.step or 1
    return PoolSpec(
        max_replicas=declared.replicas.max // step,
        pods_per_replica=step,
        budget_seconds=declared.cold_start.budget_seconds,
        min_replicas=declared.replicas.min // step,
        concurrency=declared.concurrency,
        objective_percent=float(declared.cold_start.objective_percent),
        start=start_mode(declared.cold_start.start, is_held=any(source.http for source in declared.demand)),
        when_unattainable=declared.cold_start.when_unattainable,
        zero_mode=declared.scale_to_zero.mode,
        idle_seconds=declared.scale_to_zero.idle_seconds,
        drains_on_termination=declared.scale_down.drains_on_termination,
        sources=tuple(source_spec(source) for source in declared.demand),
        start_prior_seconds=prior,
        expected_service_seconds=declared.expected_service_seconds or accelerator.expected_service_seconds,
        node_tail_seconds=accelerator.node_tail_seconds,
    )


def is_for_training_only(declared: Accelerator, accelerator: AcceleratorClassSpec | None) -> bool:
    """Whether the class is offered for training, and the pool does not allow that."""
    is_training = accelerator is not None and accelerator.purpose is Purpose.TRAINING
    return is_training and not declared.allow_training


def source_spec(source: DemandSource) -> SourceSpec:
    """How far one source can be trusted."""
    return SourceSpec(
        name=source.name,
        poll_seconds=source.poll_milliseconds / 1000,
        stale_after_seconds=source.stale_after_seconds,
        sees_in_flight=sees_in_flight(source),
        counts_taken=counts_taken(source),
        max_service_seconds=source.max_service_seconds,
        outlives_workers=keeps_in_flight(source),
    )


def target_key(namespace: str, target: TargetReference) -> TargetKey:
    return TargetKey(namespace, target.api_version, target.kind, target.name)
