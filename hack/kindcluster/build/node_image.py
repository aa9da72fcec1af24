"""The kind node image, built from Go modules and Debian packages where none can be pulled.

It holds the control plane's images, each a single static binary under the name that kubeadm asks for.
"""

import os
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hack.kindcluster.build import archive
from hack.kindcluster.engine import bounded_runtime
from hack.kindcluster.build import node_root
from hack.kindcluster.build.archive import ImageConfig, write_image, write_layer
from hack.kindcluster.machine.cache import Cache, content_key
from hack.kindcluster.machine.commands import run, succeeds
from hack.kindcluster.machine.debian import Debian
from hack.kindcluster.engine.engine import Engine
from hack.kindcluster.machine.errors import ClusterError
from hack.kindcluster.build.gobinaries import GoBinaries
from hack.kindcluster.machine.progress import step
from hack.kindcluster.build.rootfs import PACKAGES as ROOTFS_PACKAGES
from hack.kindcluster.build.rootfs import RootFileSystems, pack

# runc is the one binary that links against C: it enforces seccomp profiles.
BUILD_PACKAGES = (*ROOTFS_PACKAGES, "gcc", "libc6-dev", "libseccomp-dev", "pkg-config")
CONTROL_PLANE = (
    *("coredns", "etcd", "kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler"),
    "pause",
)
SOURCES = [Path(str(module.__file__)) for module in (archive, node_root)] + [Path(__file__)]
NODE_CONFIG = ImageConfig(
    entrypoint=("/usr/local/bin/entrypoint", "/sbin/init"),
    environment=("container=docker",),
    stop_signal="SIGRTMIN+3",
)
START_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class NodeImage:
    cache: Cache
    binaries: GoBinaries
    roots: RootFileSystems
    debian: Debian

    @property
    def tag(self) -> str:
        inputs = (self.binaries.folder.name, self.roots.key(node_root.PACKAGES))
        missing = sorted(bounded_runtime.missing_capabilities())
        return (
            f"poolkeeper/node:{self.binaries.versions.kubernetes}-{content_key(SOURCES, *inputs, *missing)}"
        )

    def build(self, engine: Engine) -> None:
        """Build the node image and give it to the engine."""
        self.debian.require(BUILD_PACKAGES, "Building a kind node image")
        self.binaries.build([*node_root.BINARIES, *CONTROL_PLANE])
        with self.cache.lock("build"):
            debian = self.roots.build("node", node_root.PACKAGES, "about 1 min")
            with step(f"Assemble the node image {self.tag}"), self.cache.scratch("node-image") as scratch:
                images = self._control_plane_images()
                pause_image = next(image for image in images if image_name(image) == "pause")
                node_root.NodeRoot(scratch / "root", self.binaries).fill(debian, pause_image)
                self._preload(images, scratch)
                layer = pack(scratch / "root", scratch / "layer.tar")
                image = write_image(scratch / "image.tar", self.tag, layer, NODE_CONFIG, platform.machine())
                engine.docker("load", "--input", image)

    def _control_plane_images(self) -> list[str]:
        """The images, with their tags, that kubeadm will start the control plane from."""
        kubeadm = self.binaries.folder / "kubeadm"
        version = self.binaries.versions.kubernetes
        images = run(kubeadm, "config", "images", "list", "--kubernetes-version", version).split()
        if unknown := {image_name(image) for image in images} - set(CONTROL_PLANE):
            raise ClusterError(
                f"kubeadm asks for images that nothing here builds: {', '.join(sorted(unknown))}"
            )
        return images

    def _preload(self, images: list[str], scratch: Path) -> None:
        """Fill the node's containerd store: containerd runs here, on the root that will become the image."""
        with self._containerd(scratch) as socket:
            for image in images:
                image_archive = self._control_plane_archive(image, scratch)
                run(
                    *(self.binaries.folder / "ctr", "--address", socket, "--namespace=k8s.io"),
                    *("images", "import", "--all-platforms", "--digests"),
                    # A store inside an image lies on an overlay, where nothing can be unpacked yet.
                    "--no-unpack",
                    # So that the kubelet takes it for an image of its own.
                    "--label=io.cri-containerd.image=managed",
                    image_archive,
                )
                image_archive.unlink()

    def _control_plane_archive(self, image: str, scratch: Path) -> Path:
        name = image_name(image)
        program = f"/usr/local/bin/{name}"
        files = {program: self.binaries.folder / name}
        if name == "kube-proxy":
            files |= with_libraries(scratch / "root", "/usr/sbin/nft")
        layer = write_layer(scratch / "layer.tar", files)
        config = ImageConfig(entrypoint=(program,))
        return write_image(scratch / "image.tar", image, layer, config, platform.machine())

    @contextmanager
    def _containerd(self, scratch: Path) -> Iterator[Path]:
        """A containerd that ends with this process, whatever ends that."""
        socket = scratch / "containerd.sock"
        config = scratch / "containerd.toml"
        config.write_text(
            f"version = 2\n"
            f"root = '{scratch}/root/var/lib/containerd'\n"
            f"state = '{scratch}/state'\n"
            f"disabled_plugins = ['io.containerd.grpc.v1.cri', 'io.containerd.internal.v1.opt']\n"
            f"grpc.address = '{socket}'\n"
        )
        log = self.cache.log("containerd")
        command = ("setpriv", "--pdeathsig", "TERM", self.binaries.folder / "containerd", "--config", config)
        with log.open("a") as output:
            daemon = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            deadline = time.monotonic() + START_TIMEOUT_SECONDS
            while not succeeds(self.binaries.folder / "ctr", "--address", socket, "version"):
                if time.monotonic() > deadline or daemon.poll() is not None:
                    raise ClusterError(f"containerd did not start; see {log}")
                time.sleep(0.2)
            yield socket
        finally:
            daemon.terminate()
            daemon.wait()
            shutil.rmtree(scratch / "state", ignore_errors=True)


def image_name(image: str) -> str:
    return image.rsplit("/", 1)[-1].partition(":")[0]


def with_libraries(root: Path, program: str) -> dict[str, Path]:
    """A program of a root file system and the shared libraries that it loads, by their paths in it."""
    paths = {program, *re.findall(r"(/\S+) \(0x", run("chroot", root, "ldd", program))}
    return {path: Path(os.path.realpath(f"{root}{path}")) for path in paths}
