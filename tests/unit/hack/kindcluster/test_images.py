import hashlib
import importlib.metadata
import json
import re
import tarfile
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from hack.kindcluster.build.archive import ImageConfig, write_image, write_layer
from hack.kindcluster.build.images import ALL, RECIPES, Images, recipe_name, write_metadata
from hack.kindcluster.build.requirements import LOCK, select
from hack.kindcluster.engine.engine import Engine
from hack.kindcluster.machine.cache import Cache
from hack.kindcluster.machine.debian import Debian
from hack.kindcluster.machine.errors import ClusterError, CommandFailed
from hack.kindcluster.machine.versions import HACK, Versions
from hack.kindcluster.workbench import Workbench
from tests.unit.hack.conftest import Program

LOCKED = """\
# made by a tool
alpha==1.0 ; python_full_version < '3.11.3' \\
    --hash=sha256:aa
    # via beta
beta==2.0 \\
    --hash=sha256:bb
beta-more==3.0 \\
    --hash=sha256:cc
gamma[fast]==4.0 \\
    --hash=sha256:dd
"""


@pytest.mark.parametrize(
    ("names", "hashes"),
    [(["alpha"], ["aa"]), (["beta"], ["bb"]), (["gamma", "beta-more"], ["cc", "dd"]), (["delta"], [])],
)
def test_entries_are_selected_from_a_lock_with_their_hashes(names: list[str], hashes: list[str]) -> None:
    selected = select(LOCKED, names)

    assert hashes == [line.split(":")[1] for line in selected.splitlines() if "--hash" in line]


def test_the_locks_have_the_packages_that_images_ask_for() -> None:
    for recipe in RECIPES.values():
        lock = recipe.lock.read_text()
        for package in recipe.packages or ():
            assert select(lock, [package]), package


def test_a_lock_of_an_image_repeats_the_versions_of_the_operator_and_names_no_index() -> None:
    for recipe in RECIPES.values():
        lock = recipe.lock.read_text()
        assert "://" not in lock
        for package in set(versions(lock)) & set(versions(LOCK.read_text())):
            assert versions(lock)[package] == versions(LOCK.read_text())[package]


def versions(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock, flags=re.MULTILINE))


@pytest.mark.parametrize("name", RECIPES)
def test_every_image_is_built_on_the_base_and_runs_as_nobody(name: str) -> None:
    dockerfile = (HACK / "images" / name / "Dockerfile").read_text()

    assert "ARG BASE\nFROM ${BASE}\n" in dockerfile
    assert "USER 65532:65532\n" in dockerfile


@pytest.mark.parametrize("image", ["worker", "poolkeeper/worker:dev"])
def test_an_image_is_named_shortly_or_in_full(image: str) -> None:
    assert recipe_name(image) == "worker"


def test_an_unknown_image_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ClusterError, match=f"no such image: nonsense; there are {', '.join(ALL)}"):
        recipe_name("nonsense")


class BuiltImages(Images):
    """Images that the engine has already, all of them up to date."""

    def build(self, name: str) -> str:
        return f"poolkeeper/{name}:dev"


@pytest.fixture
def built(tmp_path: Path) -> Images:
    cache = Cache(tmp_path / "cache")
    debian = Debian(cache, may_install=False, is_debian=True, is_root=True)
    images = Workbench(cache, Versions.load(), debian).images(Engine(None))
    return BuiltImages(**{each.name: getattr(images, each.name) for each in fields(images)})


def test_images_are_pushed_under_their_own_names_in_the_registry(
    built: Images, program: Program, tmp_path: Path
) -> None:
    program("docker", f'echo "$@" >> {tmp_path}/asked')

    built.push("registry.example/team/", ["worker", "poolkeeper/redis:dev"])

    assert (tmp_path / "asked").read_text().splitlines() == [
        "tag poolkeeper/worker:dev registry.example/team/poolkeeper/worker:dev",
        "push registry.example/team/poolkeeper/worker:dev",
        "tag poolkeeper/redis:dev registry.example/team/poolkeeper/redis:dev",
        "push registry.example/team/poolkeeper/redis:dev",
    ]


def test_a_registry_that_refuses_is_quoted(built: Images, program: Program) -> None:
    program("docker", '[ "$1" = tag ] || { echo denied: log in first >&2; exit 1; }')

    with pytest.raises(CommandFailed, match="denied: log in first"):
        built.push("registry.example", ["worker"])


def test_an_image_written_without_an_engine_is_whole(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    layer = write_layer(tmp_path / "layer.tar", {"/usr/local/bin/program": program})
    config = ImageConfig(entrypoint=["/usr/local/bin/program"], stop_signal="SIGINT")

    with tarfile.open(write_image(tmp_path / "image.tar", "a/b:c", layer, config, "aarch64")) as image:
        contents = {member.name: image.extractfile(member).read() for member in image}  # type: ignore[union-attr]

    (manifest,) = json.loads(contents["manifest.json"])
    document = json.loads(contents[manifest["Config"]])
    assert manifest["RepoTags"] == ["a/b:c"]
    assert manifest["Config"] == f"{hashlib.sha256(contents[manifest['Config']]).hexdigest()}.json"
    assert document["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(contents['layer.tar']).hexdigest()}"]
    assert document["architecture"] == "arm64"
    assert document["config"]["Entrypoint"] == ["/usr/local/bin/program"]
    assert document["config"]["StopSignal"] == "SIGINT"


def test_a_package_that_was_copied_knows_its_version(tmp_path: Path) -> None:
    write_metadata(HACK.parent, tmp_path)

    (found,) = importlib.metadata.distributions(name="poolkeeper", path=[str(tmp_path)])
    assert found.version == tomllib.loads((HACK.parent / "pyproject.toml").read_text())["project"]["version"]
