"""Container images written without an engine: a root file system or one binary, as `docker load` reads it."""

import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class ImageConfig:
    """What a container of the image runs, and how it is told to stop."""

    entrypoint: Sequence[str] = ()
    environment: Sequence[str] = ()
    stop_signal: str = ""

    def document(self, machine: str, layer_digest: str) -> bytes:
        config: dict[str, object] = {"Env": [f"PATH={SEARCH_PATH}", *self.environment]}
        if self.entrypoint:
            config["Entrypoint"] = list(self.entrypoint)
        if self.stop_signal:
            config["StopSignal"] = self.stop_signal
        return json.dumps(
            {
                "architecture": ARCHITECTURES.get(machine, machine),
                "os": "linux",
                "config": config,
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_digest}"]},
                "history": [{"created_by": "hack/cluster"}],
            }
        ).encode()


def write_image(archive: Path, tag: str, layer: Path, config: ImageConfig, machine: str) -> Path:
    """Write an image of one layer, a tar file, in the format of `docker save`."""
    with layer.open("rb") as layer_file:
        layer_digest = hashlib.file_digest(layer_file, "sha256").hexdigest()
    document = config.document(machine, layer_digest)
    config_name = f"{hashlib.sha256(document).hexdigest()}.json"
    manifest = [{"Config": config_name, "RepoTags": [tag], "Layers": ["layer.tar"]}]
    with tarfile.open(archive, "w") as tar:
        _add_bytes(tar, config_name, document)
        _add_bytes(tar, "manifest.json", json.dumps(manifest).encode())
        tar.add(layer, "layer.tar")
    return archive


def write_layer(layer: Path, files: dict[str, Path]) -> Path:
    """Write a layer that holds the files, by their paths in the image, all owned by root."""
    with tarfile.open(layer, "w") as tar:
        for path, source in sorted(files.items()):
            tar.add(source.resolve(), path.lstrip("/"), filter=_owned_by_root)
    return layer


def _add_bytes(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def _owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member
