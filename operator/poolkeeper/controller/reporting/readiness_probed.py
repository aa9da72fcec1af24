"""The condition ReadinessProbed: whether Ready says that a replica serves, and else what to do."""

from poolkeeper.controller.pool.pool import Pool
from poolkeeper.controller.pool.replicas.serving import serving_container
from poolkeeper.core.values.decision import Verdict

UNKNOWN = Verdict(None, "TemplateUnknown", "neither the pod template nor a pod of the target has been read")


def readiness_probed(pool: Pool) -> Verdict:
    """By the newest pod; while there is none, by the pod template."""
    newest = max(pool.pods, key=lambda pod: pod.created_at or 0.0, default=None)
    containers = (newest.containers if newest else ()) or pool.surroundings.containers
    container = serving_container(containers, pool.starts.serving)
    if container is None:
        return UNKNOWN
    if not container.is_probed:
        return Verdict(
            False,
            "NoReadinessProbe",
            f"container {container.name} has no readiness probe, so its pod is Ready as soon as its process "
            f"runs: add a readinessProbe to container {container.name} that passes once the model is loaded. "
            "Until then, a start ends when the replica takes its first request",
        )
    if pool.starts.works_unready:
        return Verdict(
            False,
            "WorksUnready",
            f"a replica took work while it was not Ready: the readiness probe of container {container.name} "
            "passes too late, or fails while the replica works. Let it pass as soon as the replica can take "
            "work",
        )
    return Verdict(True, "ReadinessProbe", f"container {container.name} has a readiness probe")
