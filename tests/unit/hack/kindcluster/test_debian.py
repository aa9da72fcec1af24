from pathlib import Path

import pytest

from hack.kindcluster.machine.cache import Cache
from hack.kindcluster.machine.debian import Debian, is_debian, mirror, mirror_in
from hack.kindcluster.machine.errors import ClusterError, NotPermitted

DEB822 = """\
Types: deb
# a snapshot's address
URIs: http://mirror.example/debian http://other.example/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (DEB822, "http://mirror.example/debian"),
        ("deb http://mirror.example/debian bookworm main\n", "http://mirror.example/debian"),
        (
            "deb [signed-by=/k.gpg arch=amd64] http://mirror.example/d bookworm main\n",
            "http://mirror.example/d",
        ),
        ("deb http://mirror.example/debian bookworm-security main\n", None),
        ("# deb http://mirror.example/debian bookworm main\n", None),
        ("deb-src http://mirror.example/debian bookworm main\n", None),
        ("", None),
    ],
)
def test_the_mirror_is_the_one_that_apt_uses(text: str, expected: str | None) -> None:
    assert expected == mirror_in(text, "bookworm")


def test_sources_are_read_from_every_file_that_apt_reads(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text("deb http://mirror.example/other sid main\n")
    (tmp_path / "sources.list.d/debian.sources").write_text(DEB822)

    assert mirror("bookworm", tmp_path) == "http://mirror.example/debian"
    assert mirror("trixie", tmp_path) is None


@pytest.mark.parametrize(
    ("text", "expected"), [("ID=debian\n", True), ("NAME=x\nID=debian\n", True), ("ID=fedora\n", False)]
)
def test_debian_is_told_by_its_id(tmp_path: Path, text: str, expected: bool) -> None:
    (tmp_path / "os-release").write_text(text)

    assert expected == is_debian(tmp_path / "os-release")


def machine(
    folder: Path, *, may_install: bool = True, is_debian: bool = True, is_root: bool = True
) -> Debian:
    """A machine with iptables and no other package."""
    return Debian(
        Cache(folder),
        may_install=may_install,
        is_debian=is_debian,
        is_root=is_root,
        installed=lambda package: package == "iptables",
    )


@pytest.mark.parametrize(
    ("may_install", "is_root", "reason"),
    [(False, True, "INSTALL=no forbids to install"), (True, False, "only root may install")],
)
def test_where_nothing_may_be_installed_the_commands_are_named(
    tmp_path: Path, may_install: bool, is_root: bool, reason: str
) -> None:
    with pytest.raises(NotPermitted, match=reason) as refusal:
        machine(tmp_path, may_install=may_install, is_root=is_root).require(
            ["docker.io", "iptables"], "An engine", perhaps_later=["debootstrap"]
        )

    assert refusal.value.exit_status == 3
    assert "apt-get install --yes --no-install-recommends docker.io\n" in str(refusal.value)
    assert "apt-get install --yes --no-install-recommends debootstrap  # where no" in str(refusal.value)


@pytest.mark.parametrize(("install", "may_install"), [("no", False), ("0", False), ("", True), ("yes", True)])
def test_whether_to_install_is_up_to_the_environment(tmp_path: Path, install: str, may_install: bool) -> None:
    assert Debian.of(Cache(tmp_path), {"INSTALL": install}).may_install == may_install


def test_what_is_installed_is_not_asked_for(tmp_path: Path) -> None:
    machine(tmp_path, may_install=False).require(["iptables"], "An engine")


def test_elsewhere_the_packages_are_named(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"An engine needs docker\.io: install what corresponds"):
        machine(tmp_path, is_debian=False).require(["docker.io"], "An engine")
