"""The chart as helm renders it: what is installed, what is refused, and what the next step is."""

import re
import subprocess
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from poolkeeper.commands import activator, controller, leave
from tests.golden.conftest import ROOT, Helm

CHART = ROOT / "charts" / "poolkeeper"
CASES = Path(__file__).parent / "charts"
NAMES = [path.name.removesuffix(".values.yaml") for path in sorted(CASES.glob("*.values.yaml"))]


def template(helm: Helm, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return helm("template", "poolkeeper", CHART, "--namespace", "poolkeeper-system", *arguments)


def rendered(helm: Helm, *arguments: str | Path) -> list[dict[str, Any]]:
    done = template(helm, *arguments)
    assert done.returncode == 0, done.stderr
    return [manifest for manifest in yaml.safe_load_all(done.stdout) if manifest]


@pytest.mark.parametrize("name", NAMES)
def test_render(helm: Helm, matches_golden: Callable[[Path, str], None], name: str) -> None:
    manifests = rendered(helm, "--values", CASES / f"{name}.values.yaml")
    matches_golden(CASES / f"{name}.yaml", yaml.safe_dump_all(manifests, width=110))


@pytest.mark.parametrize("name", NAMES)
def test_lint(helm: Helm, name: str) -> None:
    done = helm("lint", "--strict", CHART, "--values", CASES / f"{name}.values.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("replicaCounts=3", "additional properties 'replicaCounts' not allowed"),
        ("image.name=x", "additional properties 'name' not allowed"),
        ("replicaCount=many", "got string, want integer"),
        ("logLevel=loud", "value must be one of 'debug', 'info', 'warning', 'error'"),
        ("watchNamespaces={Upper}", "does not match pattern"),
        ("demand.allowedCidrs={10.0.0.1}", "does not match pattern"),
        ("networkPolicy.queuePorts={70000}", "maximum: got 70,000, want 65,535"),
        ("uninstall.restoreReplicas=all", "got string, want boolean"),
    ],
)
def test_bad_values_are_refused(helm: Helm, value: str, message: str) -> None:
    done = template(helm, "--set", value)
    assert done.returncode != 0
    assert message in done.stderr


def test_crds_are_the_committed_ones_and_stay_when_the_chart_goes(helm: Helm) -> None:
    crds = {
        crd["metadata"]["name"]: crd for crd in rendered(helm) if crd["kind"] == "CustomResourceDefinition"
    }
    committed = [yaml.safe_load(path.read_text()) for path in sorted((ROOT / "crds").glob("*.yaml"))]
    assert sorted(crds) == [crd["metadata"]["name"] for crd in committed]
    for crd in committed:
        assert crds[crd["metadata"]["name"]]["spec"] == crd["spec"]
        annotations = crds[crd["metadata"]["name"]]["metadata"]["annotations"]
        assert annotations == {"helm.sh/resource-policy": "keep"}


def test_crds_go_with_the_chart_where_that_is_wanted(helm: Helm) -> None:
    crds = [one for one in rendered(helm, "--set", "crds.keep=false") if one["kind"].startswith("Custom")]
    assert len(crds) == 3
    assert not any("annotations" in crd["metadata"] for crd in crds)


def test_works_as_a_subchart(helm: Helm, tmp_path: Path) -> None:
    """helm adds `global` to the values of a subchart; the schema must let it pass."""
    parent = {"apiVersion": "v2", "name": "platform", "version": "1.0.0"}
    dependency = {"name": "poolkeeper", "version": "0.1.0", "repository": f"file://{CHART}"}
    (tmp_path / "Chart.yaml").write_text(yaml.safe_dump({**parent, "dependencies": [dependency]}))
    (tmp_path / "values.yaml").write_text("global: {region: eu}\npoolkeeper: {replicaCount: 1}\n")
    (tmp_path / "charts").mkdir()
    (tmp_path / "charts" / "poolkeeper").symlink_to(CHART)
    done = helm("template", "platform", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "replicas: 1" in done.stdout


def test_no_secret_is_readable_by_default(helm: Helm) -> None:
    rules = [rule for manifest in rendered(helm) for rule in manifest.get("rules", [])]
    assert not any("secrets" in rule["resources"] or "*" in str(rule) for rule in rules)


def test_notes_tell_the_next_step(helm: Helm) -> None:
    done = helm(
        "install",
        "poolkeeper",
        CHART,
        "--dry-run=client",
        "--set",
        "secretNamespaces={serving}",
        "--hide-secret",
    )
    notes = done.stdout.partition("NOTES:")[2]
    assert "kubectl apply -f -" in notes
    assert "kubectl exec -n default deploy/poolkeeper -- poolkeeper explain serving/chat" in notes
    assert "read from Secrets in serving (value secretNamespaces)" in notes
    assert "lets the operator connect to queues on port 6379 (value networkPolicy.queuePorts)" in notes
    assert "set the value activator.enabled=true" in notes
    pool = yaml.safe_load(notes.partition("<<EOF\n")[2].partition("EOF")[0])
    assert pool["kind"] == "AcceleratorPool"


@pytest.mark.parametrize("name", NAMES)
def test_the_operator_understands_its_arguments(name: str) -> None:
    """As rendered; `test_render` compares the same files with what helm says."""
    manifests = list(yaml.safe_load_all((CASES / f"{name}.yaml").read_text()))
    parsed = {}
    for workload in (manifest for manifest in manifests if manifest["kind"] in ("Deployment", "Job")):
        (container,) = workload["spec"]["template"]["spec"]["containers"]
        command, *flags = container["args"]
        parser = ArgumentParser()
        {"controller": controller, "activator": activator, "leave": leave}[command].add_arguments(parser)
        parsed[command] = (parser.parse_args(flags), workload["metadata"]["name"])
    arguments, own_name = parsed["controller"]
    assert arguments.lease_name == own_name
    has_activators = arguments.activator_token_file is not None
    assert has_activators == ("activator" in parsed)
    if "leave" in parsed:
        leaving, _ = parsed["leave"]
        assert (leaving.controller, leaving.lease_name) == (own_name, own_name)
        assert leaving.watch_namespace == arguments.watch_namespace
        assert leaving.without_activators != has_activators


@pytest.mark.parametrize(
    ("values", "flags"),
    [
        ((), None),
        (("activator.enabled=true",), set()),
        (("uninstall.restoreReplicas=true",), {"--without-activators", "--restore-replicas"}),
        (("activator.enabled=true", "uninstall.restoreReplicas=true"), {"--restore-replicas"}),
    ],
)
def test_a_hook_runs_only_where_something_is_to_be_done(
    helm: Helm, values: tuple[str, ...], flags: set[str] | None
) -> None:
    """One that does not run can hold up no uninstall; one that does keeps nothing behind."""
    manifests = rendered(helm, *(word for value in values for word in ("--set", value)))
    hooks = [one for one in manifests if "helm.sh/hook" in one["metadata"].get("annotations", {})]
    if flags is None:
        assert hooks == []
        return
    assert [hook["kind"] for hook in hooks] == ["Role", "RoleBinding", "Job"]
    for hook in hooks:
        assert hook["metadata"]["annotations"]["helm.sh/hook"] == "pre-delete"
        assert "hook-succeeded" in hook["metadata"]["annotations"]["helm.sh/hook-delete-policy"]
    (container,) = hooks[-1]["spec"]["template"]["spec"]["containers"]
    assert {word for word in container["args"] if "=" not in word} == {"leave", *flags}


def test_the_hook_ends_before_helm_and_kubernetes_lose_patience(helm: Helm) -> None:
    (job,) = [one for one in rendered(helm, "--set", "activator.enabled=true") if one["kind"] == "Job"]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    parser = ArgumentParser()
    leave.add_arguments(parser)
    own_limit = parser.parse_args(container["args"][1:]).timeout_seconds
    assert own_limit + 60 < job["spec"]["activeDeadlineSeconds"] < 300


def test_the_alerts_use_metrics_that_exist_and_say_what_to_do(helm: Helm) -> None:
    (rule,) = [
        manifest
        for manifest in rendered(helm, "--set", "metrics.prometheusRule.enabled=true")
        if manifest["kind"] == "PrometheusRule"
    ]
    rules = [rule for group in rule["spec"]["groups"] for rule in group["rules"]]
    code = (ROOT / "operator/poolkeeper/controller/reporting/pool_metrics.py").read_text()
    used = {name for rule in rules for name in re.findall(r"poolkeeper_pool_\w+", rule["expr"])}
    assert {name for name in used if f'"{name.removesuffix("_total")}"' not in code} == set()
    recorded = {rule["record"] for rule in rules if "record" in rule}
    alerts = [rule for rule in rules if "alert" in rule]
    assert {
        name for rule in alerts for name in re.findall(r"poolkeeper_pool:[\w:]+", rule["expr"])
    } == recorded
    assert len(alerts) == 3
    for alert in alerts:
        assert (
            "poolkeeper explain {{ $labels.namespace }}/{{ $labels.pool }}"
            in alert["annotations"]["description"]
        )
