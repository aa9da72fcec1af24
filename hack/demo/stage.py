"""What both acts need: a cluster with Poolkeeper, and a namespace for the demo."""

import subprocess
import time
from pathlib import Path

from rich.console import Console

from hack.demo import images
from hack.demo.commands import ROOT, CommandFailed, KubectlCluster, existing_cluster, kind_cluster
from hack.demo.opening import main as play_opening

SYSTEM_NAMESPACE = "poolkeeper-system"
NAMESPACE = "poolkeeper-demo"
CLUSTER = "poolkeeper"
CHART = str(ROOT / "charts" / "poolkeeper")
MANIFESTS = Path(__file__).parent / "manifests"


def prepare_kind(console: Console) -> KubectlCluster:
    """Brings the kind cluster up and shows a replay of real agent traffic meanwhile."""
    hack_cluster = str(ROOT / "hack" / "cluster")
    log = ROOT / "build" / "demo-cluster.log"
    log.parent.mkdir(exist_ok=True)
    load = f'"{hack_cluster}" load --name {CLUSTER} {" ".join(images.NAMES)}'
    script = f'"{hack_cluster}" up --name {CLUSTER} && {load}'
    with log.open("w") as output:
        preparing = subprocess.Popen(["sh", "-c", script], stdout=output, stderr=subprocess.STDOUT)
    console.rule("While the cluster is being prepared: what this would have cost on real traffic")
    play_opening()
    console.rule("The cluster")
    show_progress(console, log, preparing)
    if preparing.wait() != 0:
        raise CommandFailed(f"$ {script}\nsee {log.relative_to(ROOT)}")
    return kind_cluster(CLUSTER)


def show_progress(console: Console, log: Path, preparing: "subprocess.Popen[bytes]") -> None:
    """Copies the output of hack/cluster to the terminal until hack/cluster ends."""
    with log.open() as lines:
        while True:
            line = lines.readline()
            if line:
                console.print(line.rstrip(), markup=False)
            elif preparing.poll() is not None:
                return
            else:
                time.sleep(0.2)


def prepare_existing(console: Console, context: str) -> KubectlCluster:
    """Lists the cluster-wide objects that the demo will make, before it makes any."""
    cluster = existing_cluster(context)
    rendered = cluster.helm("template", "poolkeeper", CHART, *chart_values())
    kinds = cluster.kubectl(
        "create", "--dry-run=client", "--filename", "-", "--output",
        "jsonpath={.metadata.namespace}|{.kind}/{.metadata.name}{'\\n'}",
        stdin=rendered,
    )  # fmt: skip
    console.rule(f"In context {context}")
    console.print(f"Namespaces {SYSTEM_NAMESPACE} and {NAMESPACE}, and these objects of the whole cluster:")
    for line in kinds.splitlines():
        if line.startswith("|"):
            console.print(f"  {line[1:]}", markup=False)
    console.print(images.expected(), markup=False)
    return cluster


def chart_values() -> list[str]:
    """Activators, and images from the cluster's own store or from IMAGE_REGISTRY."""
    values = (
        "image.tag=dev",
        f"image.registry={images.registry()}",
        f"image.pullPolicy={images.pull_policy()}",
        "activator.enabled=true",
    )
    return [word for value in values for word in ("--set", value)]


def install(console: Console, cluster: KubectlCluster) -> None:
    """Installs the operator with helm, and makes the demo's namespace."""
    console.rule("helm install")
    cluster.helm(
        "upgrade", "--install", "poolkeeper", CHART, "--namespace", SYSTEM_NAMESPACE, "--create-namespace",
        "--wait", "--timeout", "180s", *chart_values(),
    )  # fmt: skip
    console.print(f"Poolkeeper and its activators run in {SYSTEM_NAMESPACE}.")
    namespace = cluster.kubectl("create", "namespace", NAMESPACE, "--dry-run=client", "--output", "yaml")
    cluster.kubectl("apply", "--filename", "-", stdin=namespace)


def apply(cluster: KubectlCluster, *names: str) -> None:
    """kubectl apply of some of the demo's manifests, in its namespace."""
    for name in names:
        cluster.kubectl("apply", "--namespace", NAMESPACE, "--filename", "-", stdin=with_images(name))


def with_images(manifest: str) -> str:
    """The manifest's text, with images from IMAGE_REGISTRY, or with those that the nodes have already."""
    text = (MANIFESTS / manifest).read_text()
    text = text.replace("imagePullPolicy: IfNotPresent", f"imagePullPolicy: {images.pull_policy()}")
    prefix = f"{images.registry()}/" if images.registry() else ""
    return text.replace("image: poolkeeper/", f"image: {prefix}poolkeeper/")


def wait_until_managed(cluster: KubectlCluster, pool: str) -> None:
    """Returns once the operator has read the pool's demand; raises CommandFailed if it does not."""
    cluster.kubectl(
        "wait", f"acceleratorpool/{pool}", "--namespace", NAMESPACE, "--for=condition=DemandKnown",
        "--timeout=60s",
    )  # fmt: skip
