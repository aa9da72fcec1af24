"""Paths of the API server; every segment is quoted, since users choose names."""

from urllib.parse import quote


def api_path(api_version: str, *segments: str) -> str:
    """The path below a group and version: /api/v1/... for the core group, /apis/GROUP/VERSION/... else."""
    root = ("apis", *api_version.split("/")) if "/" in api_version else ("api", api_version)
    return "/" + "/".join(quote(segment, safe="") for segment in (*root, *segments))


def namespaced_path(api_version: str, namespace: str, *segments: str) -> str:
    """The path of something in a namespace."""
    return api_path(api_version, "namespaces", namespace, *segments)
