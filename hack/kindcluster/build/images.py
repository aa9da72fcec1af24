"""The images of our own: operator, Redis, sample worker and models, all on one Python base.

The base is a pulled Python image, or a Debian with Python where nothing can be pulled; the Dockerfiles are
the same for both. An image is rebuilt when its sources have changed; a label on the image holds their hash.
"""

import platform
import shutil
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hack.kindcluster.build.archive import ImageConfig, write_image
from hack.kindcluster.machine.cache import Cache, content_key
from hack.kindcluster.cluster import KindCluster
from hack.kindcluster.machine.commands import run_logged
from hack.kindcluster.engine.engine import Engine
from hack.kindcluster.machine.errors import ClusterError
from hack.kindcluster.machine.progress import say, step
from hack.kindcluster.build.requirements import LOCK, Requirements
from hack.kindcluster.build.rootfs import RootFileSystems, pack
from hack.kindcluster.machine.versions import HACK, Versions

BASE_PACKAGES = ("ca-certificates", "python3")
SOURCE_LABEL = "poolkeeper.source"


@dataclass(frozen=True)
class Recipe:
    """What one image is made of, besides its folder under hack/images."""

    project: Path | None = None
    """A Python project whose package it runs, without that project's dependencies."""
    packages: Sequence[str] | None = None
    """Locked Python packages to install: () for all of them, None for none."""
    lock: Path = LOCK
    """Where they are locked."""


AIOHTTP = (
    *("aiohappyeyeballs", "aiohttp", "aiosignal", "attrs", "frozenlist", "idna", "multidict", "propcache"),
    *("typing-extensions", "yarl"),
)
RECIPES = {
    "operator": Recipe(project=HACK.parent, packages=()),
    "redis": Recipe(),
    "worker": Recipe(packages=("async-timeout", "redis"), lock=LOCK.with_name("dev.txt")),
    "simulated-llm": Recipe(packages=AIOHTTP),
    "embeddings": Recipe(packages=(), lock=LOCK.with_name("embeddings.txt")),
}
ALL = [f"poolkeeper/{name}:dev" for name in RECIPES]


def package_folder(project: Path) -> Path:
    """The folder of a project's one Python package."""
    return project / "operator" / "poolkeeper"


def write_metadata(project: Path, folder: Path) -> None:
    """What `importlib.metadata` looks for to tell a package's version, where nothing was installed."""
    described = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    metadata = folder / f"{described['name']}-{described['version']}.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text(
        f"Metadata-Version: 2.1\nName: {described['name']}\nVersion: {described['version']}\n"
    )


def recipe_name(image: str) -> str:
    """The recipe of an image given as `worker` or as `poolkeeper/worker:dev`."""
    name = image.removeprefix("poolkeeper/").removesuffix(":dev")
    if name not in RECIPES:
        raise ClusterError(f"no such image: {image}; there are {', '.join(ALL)}")
    return name


@dataclass(frozen=True)
class Images:
    """Builds Poolkeeper's images and brings them into a node or a registry."""

    cache: Cache
    versions: Versions
    engine: Engine
    roots: RootFileSystems
    requirements: Requirements

    @property
    def own_base(self) -> str:
        """Tag of the base image that is built where none can be pulled."""
        return f"poolkeeper/base:{self.versions.debian_suite}-{self.roots.key(BASE_PACKAGES)}"

    def build(self, name: str) -> str:
        """Make sure that the engine has an up-to-date image, and return its tag."""
        tag, source = f"poolkeeper/{name}:dev", self.source_key(name)
        if self._label(tag) == source:
            return tag
        base = self.engine.stock_or_own(self.versions.base_image, self.own_base, self._build_base)
        with (
            self.cache.lock("build"),
            step(f"Build the image {tag}"),
            self.cache.scratch("image") as context,
        ):
            self._fill_context(name, context)
            command = ["docker", "build", "--network", self.engine.build_network, "--tag", tag]
            command += ["--build-arg", f"BASE={base}", "--label", f"{SOURCE_LABEL}={source}", str(context)]
            run_logged(command, self.cache.log("images"), env=self.engine.environment)
        # The image that had the tag before.
        self.engine.docker("image", "prune", "--force", "--filter", f"label={SOURCE_LABEL}")
        return tag

    def load(self, cluster: KindCluster, images: Sequence[str]) -> None:
        """Build what has changed, and bring into the node what it does not have."""
        tags = {tag: self._label(tag) for tag in map(self.build, map(recipe_name, images))}
        loaded = cluster.image_labels(SOURCE_LABEL)
        stale = [tag for tag, source in tags.items() if loaded.get(tag) != source]
        if not stale:
            say(f"    {', '.join(tags)}: already in the node, and up to date")
            return
        with step(f"Load {', '.join(stale)} into the node"):
            cluster.load(stale)
            for tag in stale:
                cluster.label_image(tag, SOURCE_LABEL, tags[tag])

    def push(self, registry: str, images: Sequence[str]) -> None:
        """Build what has changed, and bring it to a registry, under the same names there."""
        for tag in map(self.build, map(recipe_name, images)):
            pushed = f"{registry.rstrip('/')}/{tag}"
            with step(f"Push {pushed}"):
                self.engine.docker("tag", tag, pushed)
                run_logged(["docker", "push", pushed], self.cache.log("images"), env=self.engine.environment)

    def source_key(self, name: str) -> str:
        """A key that changes whenever something does that the image is made of."""
        recipe = RECIPES[name]
        sources = [HACK / "images" / name]
        if recipe.project:
            sources += [package_folder(recipe.project), recipe.project / "pyproject.toml"]
        if recipe.packages is not None:
            sources.append(recipe.lock)
        return content_key(sources, self.versions.base_image, self.own_base, self.versions.image_python)

    def _fill_context(self, name: str, context: Path) -> None:
        ignore = shutil.ignore_patterns("__pycache__")
        recipe = RECIPES[name]
        shutil.copytree(HACK / "images" / name, context, dirs_exist_ok=True, ignore=ignore)
        if recipe.project:
            package = package_folder(recipe.project)
            shutil.copytree(package, context / "package" / package.name, ignore=ignore)
            write_metadata(recipe.project, context / "package")
        if recipe.packages is not None:
            self.requirements.install(context / "site-packages", recipe.packages, recipe.lock)

    def _build_base(self) -> None:
        with self.cache.lock("build"):
            root = self.roots.build("base", BASE_PACKAGES, "about 1 min")
            with (
                step(f"Assemble the base image {self.own_base}"),
                self.cache.scratch("base-image") as scratch,
            ):
                layer = pack(root, scratch / "layer.tar")
                image = write_image(
                    scratch / "image.tar", self.own_base, layer, ImageConfig(), platform.machine()
                )
                self.engine.docker("load", "--input", image)

    def _label(self, tag: str) -> str:
        if not self.engine.has_image(tag):
            return ""
        template = f'{{{{index .Config.Labels "{SOURCE_LABEL}"}}}}'
        return self.engine.docker("image", "inspect", "--format", template, tag).strip()
