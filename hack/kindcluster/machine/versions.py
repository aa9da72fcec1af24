"""The pinned versions (hack/versions.toml), and comparing them with what a tool says about itself."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

HACK = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Versions:
    """All pinned versions."""

    go_modules: dict[str, str]
    go_tools: dict[str, str]
    minimum: dict[str, str]
    node_image: str
    base_image: str
    debian_suite: str
    image_python: str
    uv: str

    @classmethod
    def load(cls, path: Path = HACK / "versions.toml") -> Self:
        """The versions in a file."""
        pinned = tomllib.loads(path.read_text())
        return cls(
            go_modules=pinned["go-modules"],
            go_tools=pinned["go-tools"],
            minimum=pinned["minimum"],
            node_image=pinned["images"]["node"],
            base_image=pinned["images"]["base"],
            debian_suite=pinned["debian"]["suite"],
            image_python=pinned["python"]["image"],
            uv=pinned["python"]["uv"],
        )

    @property
    def kubernetes(self) -> str:
        """The version of Kubernetes, such as v1.37.2."""
        return self.go_modules["k8s.io/kubernetes"]


def parse_version(text: str) -> tuple[int, int, int]:
    """The first MAJOR.MINOR[.PATCH] in a text such as `kind v0.33.0 go1.26.8 linux/amd64`."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    if not found:
        raise ValueError(f"no version number in {text!r}")
    major, minor, patch = found.groups(default="0")
    return int(major), int(minor), int(patch)
