"""Wiring: everything that hack/cluster works with, put together, and its commands in terms of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from hack.kindcluster.build.gobinaries import GoBinaries
from hack.kindcluster.build.images import Images
from hack.kindcluster.build.node_image import BUILD_PACKAGES, NodeImage
from hack.kindcluster.build.requirements import Requirements
from hack.kindcluster.build.rootfs import PACKAGES as ROOTFS_PACKAGES
from hack.kindcluster.build.rootfs import RootFileSystems
from hack.kindcluster.build.tools import Tools
from hack.kindcluster.cluster import KindCluster, kubeconfig, link_tools
from hack.kindcluster.engine.engine import Engine, OwnEngine, ensure_engine, running_engine
from hack.kindcluster.machine.cache import Cache, cache_root
from hack.kindcluster.machine.debian import Debian
from hack.kindcluster.machine.errors import ClusterError
from hack.kindcluster.machine.progress import say, step
from hack.kindcluster.machine.versions import Versions

SHELL_TOOLS = ("helm", "kind", "kubectl")


@dataclass(frozen=True)
class Workbench:
    """The commands of hack/cluster, and what they work with."""

    cache: Cache
    versions: Versions
    debian: Debian

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """With the cache and the packages that the environment names."""
        cache = Cache(cache_root(environment))
        return cls(cache, Versions.load(), Debian.of(cache, environment))

    @property
    def binaries(self) -> GoBinaries:
        """Programs built from Go modules."""
        return GoBinaries(self.cache, self.versions)

    @property
    def tools(self) -> Tools:
        """Tools by name."""
        return Tools(self.versions, self.binaries, self.debian)

    @property
    def roots(self) -> RootFileSystems:
        """Debian root file systems."""
        return RootFileSystems(self.cache, self.versions, self.debian)

    def cluster(self, name: str, engine: Engine) -> KindCluster:
        """A cluster by its name; its tools are built if they are missing."""
        kind, kubectl = self.tools.paths(["kind", "kubectl"])
        return KindCluster(name, self.cache, engine, kind, kubectl)

    def images(self, engine: Engine) -> Images:
        """Poolkeeper's images, in an engine."""
        requirements = Requirements(self.cache, self.versions, self.debian)
        return Images(self.cache, self.versions, engine, self.roots, requirements)

    def up(self, name: str) -> None:
        """Creates the cluster, or repairs it; what is missing for that is installed or built first."""
        with self.cache.lock("engine"):
            # What Go cannot build is better said now than after packages were installed.
            self.tools.require_obtainable(SHELL_TOOLS)
            engine = ensure_engine(self.cache, self.debian, perhaps_later=BUILD_PACKAGES)
            self.tools.paths(SHELL_TOOLS)
            cluster = self.cluster(name, engine)
            if not cluster.recover():
                cluster.create(self._node_image(engine))

    def load(self, name: str, images: Sequence[str]) -> None:
        """Builds images and loads them into the node of a running cluster."""
        with self.cache.lock("engine"):
            engine = self._engine_that_may_hold_clusters()
            if not engine or self.cluster(name, engine).node_state() != "running":
                raise ClusterError(f"the cluster {name} does not run: `hack/cluster up --name {name}` first")
            self.images(engine).load(self.cluster(name, engine), images)

    def push(self, registry: str, images: Sequence[str]) -> None:
        """Only an engine is needed for this, and no cluster."""
        with self.cache.lock("engine"):
            engine = ensure_engine(self.cache, self.debian, perhaps_later=ROOTFS_PACKAGES)
            self.images(engine).push(registry, images)

    def down(self, name: str) -> None:
        """Delete one cluster; the engine has to run for that, so a dead one is started."""
        with self.cache.lock("engine"):
            engine = self._engine_that_may_hold_clusters()
            if not engine:
                say("No container engine answers, so there is no cluster to delete.")
                return
            with step(f"Delete the cluster {name}"):
                self.cluster(name, engine).delete()

    def down_all(self) -> None:
        """Delete every cluster that this cache knows, and stop our own engine."""
        folder = self.cache.path("clusters")
        for cluster in sorted(folder.iterdir()) if folder.exists() else []:
            self.down(cluster.name)
        with self.cache.lock("engine"):
            if OwnEngine(self.cache).answers:
                with step("Stop the container engine of our own"):
                    OwnEngine(self.cache).stop()

    def environment(self, name: str) -> dict[str, str]:
        """What a shell needs, besides PATH, to reach a cluster and its engine."""
        settings = {"KUBECONFIG": str(kubeconfig(self.cache, name))}
        own = OwnEngine(self.cache)
        if own.exists and own.engine.host:
            settings["DOCKER_HOST"] = own.engine.host
        return settings

    def link_tools(self) -> Path:
        """A folder for PATH with the tools that are there; none is built for it."""
        return link_tools(self.cache, [path for name in SHELL_TOOLS if (path := self.tools.at_hand(name))])

    def _engine_that_may_hold_clusters(self) -> Engine | None:
        own = OwnEngine(self.cache)
        return own.start() if own.exists else running_engine(self.cache)

    def _node_image(self, engine: Engine) -> str:
        image = NodeImage(self.cache, self.binaries, self.roots, self.debian)
        return engine.stock_or_own(self.versions.node_image, image.tag, lambda: image.build(engine))
