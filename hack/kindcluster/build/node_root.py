"""The root file system of a kind node: Debian, kind's own files, Kubernetes' binaries, and their settings.

It keeps kind's contract with its node images; entrypoint, units and containerd's configuration are kind's,
taken from its module.
"""

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from hack.kindcluster.engine import bounded_runtime
from hack.kindcluster.machine.commands import run
from hack.kindcluster.build.gobinaries import GoBinaries
from hack.kindcluster.build.rootfs import copy_tree

# What kind's own base image installs, less what only other storage and rootless modes need.
PACKAGES = (
    *("systemd", "systemd-sysv", "conntrack", "iptables", "nftables", "iproute2", "ethtool", "util-linux"),
    *("mount", "kmod", "libseccomp2", "pigz", "e2fsprogs", "bash", "ca-certificates", "curl", "jq", "procps"),
)
BINARY_FOLDERS = {
    "usr/bin": ("kubeadm", "kubectl", "kubelet"),
    "usr/local/bin": ("containerd", "containerd-shim-runc-v2", "ctr"),
    "usr/local/sbin": ("runc",),
    "opt/cni/bin": ("host-local", "loopback", "portmap", "ptp"),
}
BINARIES = tuple(name for names in BINARY_FOLDERS.values() for name in names)

ENABLED_UNITS = ("containerd.service", "kubelet.service", "undo-mount-hacks.service")
# Links to units that would start udev, getty and the like, which have nothing to do in a container.
UNWANTED_LINKS = (
    "etc/systemd/system/*.wants/*",
    "lib/systemd/system/basic.target.wants/*",
    "lib/systemd/system/local-fs.target.wants/*",
    "lib/systemd/system/multi-user.target.wants/*",
    "lib/systemd/system/sockets.target.wants/*initctl*",
    "lib/systemd/system/sockets.target.wants/*udev*",
    "lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service",
)

# A single node needs no routes to others: every pod is a point-to-point link away. The addresses in use are
# kept on a tmpfs, so that a node killed and started again does not leak them.
POD_NETWORK = {
    "cniVersion": "1.0.0",
    "name": "pods",
    "plugins": [
        {
            "type": "ptp",
            "ipMasq": True,
            "ipam": {
                "type": "host-local",
                "dataDir": "/run/cni-ipam-state",
                "ranges": [[{"subnet": "10.244.0.0/24"}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        },
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ],
}
# kind applies a network manifest at creation; here the network is the file above, so this only says so.
NETWORK_MANIFEST = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: pod-network, namespace: kube-system}
data: {note: "pod networking is configured on the node, in /etc/cni/net.d"}
"""
# kind starts the controller manager with the provisioner that this names.
STORAGE_MANIFEST = """\
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: standard
  annotations: {storageclass.kubernetes.io/is-default-class: "true"}
provisioner: kubernetes.io/host-path
"""


@dataclass(frozen=True)
class NodeRoot:
    """Fills `root`, a folder, step by step."""

    root: Path
    binaries: GoBinaries

    def fill(self, debian: Path, pause_image: str) -> None:
        copy_tree(debian, self.root)
        self._copy_kind_files()
        self._copy_binaries()
        self._configure_cluster()
        self._configure_systemd()
        self._configure_containerd(pause_image)

    def _copy_kind_files(self) -> None:
        files = self.binaries.module_folder("sigs.k8s.io/kind") / "images/base/files"
        for source in (path for path in files.rglob("*") if path.is_file()):
            # The module cache has lost the modes: what lies in a bin folder is executable.
            mode = 0o755 if source.parent.name == "bin" else 0o644
            target = self.root / source.relative_to(files)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            target.chmod(mode)

    def _copy_binaries(self) -> None:
        for folder, names in BINARY_FOLDERS.items():
            (self.root / folder).mkdir(parents=True, exist_ok=True)
            for name in names:
                shutil.copy2(self.binaries.folder / name, self.root / folder / name)

    def _configure_cluster(self) -> None:
        self._write("kind/version", self.binaries.versions.kubernetes)
        self._write("kind/manifests/default-cni.yaml", NETWORK_MANIFEST)
        self._write("kind/manifests/default-storage.yaml", STORAGE_MANIFEST)
        self._write("etc/cni/net.d/10-pods.conflist", json.dumps(POD_NETWORK, indent=2))
        (self.root / "etc/kubernetes/manifests").mkdir(parents=True)

    def _configure_systemd(self) -> None:
        for pattern in UNWANTED_LINKS:
            for link in self.root.glob(pattern):
                link.unlink()
        units = self.root / "etc/systemd/system"
        (units / "multi-user.target.wants").mkdir(exist_ok=True)
        for unit in ENABLED_UNITS:
            (units / "multi-user.target.wants" / unit).symlink_to(f"/etc/systemd/system/{unit}")
        (units / "systemd-binfmt.service").symlink_to(os.devnull)
        self._write("etc/systemd/journald.conf.d/container.conf", "[Journal]\nReadKMsg=no\n")

    def _configure_containerd(self, pause_image: str) -> None:
        spec = json.loads(run(self.binaries.folder / "ctr", "oci", "spec"))
        hooks = spec.setdefault("hooks", {}).setdefault("createContainer", [])
        hooks.append({"path": "/kind/bin/mount-product-files.sh"})
        spec["process"].pop("rlimits", None)
        self._write("etc/containerd/cri-base.json", json.dumps(spec))
        config = (self.root / "etc/containerd/config.toml").read_text()
        config = re.sub(r'sandbox_image = ".*"', f'sandbox_image = "{pause_image}"', config)
        if "CAP_SYS_RESOURCE" in bounded_runtime.missing_capabilities():
            config = config.replace("restrict_oom_score_adj = false", "restrict_oom_score_adj = true")
        self._write("etc/containerd/config.toml", config)

    def _write(self, path: str, text: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
