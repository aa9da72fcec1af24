"""What `hack/cluster status` says; looking changes nothing and starts nothing."""

from collections.abc import Iterator

from hack.kindcluster.build.images import ALL, SOURCE_LABEL, recipe_name
from hack.kindcluster.cluster import NODE_PORTS, KindCluster, host_ports
from hack.kindcluster.engine.engine import Engine, OwnEngine, running_engine
from hack.kindcluster.workbench import SHELL_TOOLS, Workbench

ENTRIES = ("go-binaries", "go-tools", "rootfs", "uv")


def report(bench: Workbench, name: str) -> Iterator[str]:
    """The lines of the report."""
    engine = running_engine(bench.cache)
    yield f"cache:    {bench.cache.root}"
    for kind in ENTRIES:
        folder = bench.cache.path(kind)
        for entry in sorted(folder.iterdir()) if folder.exists() else []:
            note = " (half-built; it will be rebuilt)" if entry.name.endswith("partial") else ""
            yield f"          {kind}/{entry.name}{note}"
    at_hand = {tool: bench.tools.at_hand(tool) for tool in SHELL_TOOLS}
    for tool, path in at_hand.items():
        yield f"{tool + ':':9} {path or 'not there yet; `hack/cluster up` gets it'}"
    yield f"engine:   {describe_engine(engine, OwnEngine(bench.cache))}"
    if engine and at_hand["kind"] and at_hand["kubectl"]:
        cluster = KindCluster(name, bench.cache, engine, at_hand["kind"], at_hand["kubectl"])
        yield from describe_cluster(cluster)
        yield from describe_images(bench, cluster)


def describe_engine(engine: Engine | None, own: OwnEngine) -> str:
    """One line about the engine."""
    if engine and engine.host:
        return f"our own, at {engine.host}"
    if engine:
        return "the machine's Docker"
    if own.exists:
        return "our own, not running; `hack/cluster up` starts it"
    return "none that answers and can run a node; `hack/cluster up` gets one"


def describe_cluster(cluster: KindCluster) -> Iterator[str]:
    """Lines about one cluster."""
    state = cluster.node_state()
    if state == "absent":
        yield f"cluster:  {cluster.name} does not exist; `hack/cluster up` creates it"
        return
    if state != "running":
        yield f"cluster:  {cluster.name}, its node is {state}; `hack/cluster up` starts it"
        return
    missing = cluster.not_ready()
    yield f"cluster:  {cluster.name}, {f'not ready: {missing}' if missing else 'ready'}"
    yield f"          kubeconfig {cluster.kubeconfig}, context kind-{cluster.name}"
    ports = host_ports(cluster.name)
    yield f"          NodePorts {NODE_PORTS[0]}-{NODE_PORTS[-1]} at 127.0.0.1:{ports[0]}-{ports[-1]}"


def describe_images(bench: Workbench, cluster: KindCluster) -> Iterator[str]:
    """A line about each image in the node."""
    images = bench.images(cluster.engine)
    running = cluster.node_state() == "running"
    loaded = cluster.image_labels(SOURCE_LABEL) if running else {}
    for tag in ALL:
        source = images.source_key(recipe_name(tag))
        if tag not in loaded:
            note = "not in the node; `hack/cluster load` brings it there"
        elif loaded[tag] != source:
            note = "in the node, but its sources have changed since; `hack/cluster load` replaces it"
        else:
            note = "in the node, up to date"
        yield f"image:    {tag}: {note}"
