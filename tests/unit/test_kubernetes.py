"""The manifests for Kubernetes claim what they use, as far as static checks show."""

import json
import shutil
import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from sidecar.core.settings import Settings, env_names

REPOSITORY = Path(__file__).parents[2]
KUBERNETES = REPOSITORY / "deploy" / "kubernetes"
BASE = KUBERNETES / "base"
OVERLAYS = sorted((KUBERNETES / "overlays").iterdir())
CLUSTER = yaml.safe_load((REPOSITORY / "deploy" / "serve_config.cluster.yaml").read_text())
LOCKED = {
    package["name"]: package.get("version")
    for package in tomllib.loads((REPOSITORY / "uv.lock").read_text())["package"]
}
Resource = dict[str, Any]


@cache
def rendered(overlay: Path) -> dict[str, Resource]:
    """Return an overlay's resources by kind, as `kubectl apply -k` makes them; ConfigMaps by name.

    Without kubectl the base's files and the overlay's patches are put together here.
    """
    if shutil.which("kubectl"):
        run = subprocess.run(
            ["kubectl", "kustomize", overlay], capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
        resources = list(yaml.safe_load_all(run.stdout))
        return {
            resource["metadata"]["name"]
            if resource["kind"] == "ConfigMap"
            else resource["kind"]: resource
            for resource in resources
        }
    return _composed(overlay)


def _composed(overlay: Path) -> dict[str, Resource]:
    base = yaml.safe_load((BASE / "kustomization.yaml").read_text())
    own = yaml.safe_load((overlay / "kustomization.yaml").read_text())
    files = [yaml.safe_load((BASE / name).read_text()) for name in base["resources"]]
    resources = {resource["kind"]: resource for resource in files}
    literals = {
        name: value
        for kustomization in (base, own)
        for generator in kustomization["configMapGenerator"]
        for name, value in (literal.split("=", 1) for literal in generator.get("literals", ()))
    }
    resources["grocery-sidecar-settings"] = {"data": literals}
    serve = overlay / "serve_config.yaml"
    resources["RayService"]["spec"]["serveConfigV2"] = (
        serve if serve.exists() else BASE / "serve_config.yaml"
    ).read_text()
    for patch in own["patches"]:
        text = patch.get("patch") or (overlay / patch["path"]).read_text()
        for operation in yaml.safe_load(text):
            _patch(resources["RayService"], operation)
    text = json.dumps(resources["RayService"])
    image = own["images"][0]
    tagged = f'"image": "{image["name"]}:{image["newTag"]}"'
    resources["RayService"] = json.loads(text.replace(f'"image": "{image["name"]}"', tagged))
    return resources


def _patch(resource: Any, operation: Resource) -> None:
    *parents, last = operation["path"].strip("/").split("/")
    for part in parents:
        resource = resource[int(part)] if isinstance(resource, list) else resource[part]
    if isinstance(resource, list) and last == "-":
        resource.append(operation["value"])
    else:
        assert last in resource
        resource[last] = operation["value"]


def cluster_of(overlay: Path) -> Resource:
    found: Resource = rendered(overlay)["RayService"]["spec"]["rayClusterConfig"]
    return found


def deployments(serve: Resource) -> dict[str, Resource]:
    return {
        deployment["name"]: deployment
        for application in serve["applications"]
        for deployment in application["deployments"]
    }


def serve_of(overlay: Path) -> Resource:
    text = rendered(overlay)["RayService"]["spec"]["serveConfigV2"]
    found: Resource = yaml.safe_load(text)
    return found


def replicas(deployment: Resource, bound: str) -> int:
    scaling = deployment.get("autoscaling_config")
    return int(scaling[f"{bound}_replicas"] if scaling else deployment["num_replicas"])


@pytest.fixture(params=OVERLAYS, ids=lambda overlay: overlay.name)
def overlay(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def test_serve_differs_from_a_cluster_of_fixed_nodes_in_claims_alone(overlay: Path) -> None:
    ours, fixed = deployments(serve_of(overlay)), deployments(CLUSTER)
    assert ours.keys() == fixed.keys()
    for name, deployment in ours.items():
        assert deployment["ray_actor_options"]["num_cpus"] > 0, "a claim of 0 asks for no node"
        if name != "Engine":
            differs = {key for key in deployment if deployment[key] != fixed[name].get(key)}
            assert differs <= {"ray_actor_options"}


def test_what_is_always_there_fits_on_the_smallest_number_of_workers(overlay: Path) -> None:
    [cpu, *gpu] = cluster_of(overlay)["workerGroupSpecs"]
    claimed = sum(
        replicas(deployment, "min") * deployment["ray_actor_options"]["num_cpus"]
        for deployment in deployments(serve_of(overlay)).values()
        if "num_gpus" not in deployment["ray_actor_options"]
    )
    settings = rendered(overlay)["grocery-sidecar-settings"]["data"]
    claimed += int(settings["SIDECAR_JOB_CONCURRENCY"])
    assert claimed <= cpu["minReplicas"] * int(cpu["rayStartParams"]["num-cpus"])
    for group in gpu:
        engine = deployments(serve_of(overlay))["Engine"]
        assert engine["ray_actor_options"]["num_gpus"] <= int(group["rayStartParams"]["num-gpus"])
        assert replicas(engine, "max") == group["maxReplicas"]


def test_rays_autoscaler_adds_workers_and_takes_them_away(overlay: Path) -> None:
    cluster = cluster_of(overlay)
    assert cluster["enableInTreeAutoscaling"] is True
    assert cluster["autoscalerOptions"]["idleTimeoutSeconds"] > 0
    for group in cluster["workerGroupSpecs"]:
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
        assert group["minReplicas"] < group["maxReplicas"]
        [container] = group["template"]["spec"]["containers"]
        requests = container["resources"]["requests"]
        assert requests["cpu"] == group["rayStartParams"]["num-cpus"]
        if group["groupName"] == "gpu":
            assert requests["nvidia.com/gpu"] == group["rayStartParams"]["num-gpus"]


def test_pods_are_unprivileged_and_have_rays_token(overlay: Path) -> None:
    cluster = cluster_of(overlay)
    assert cluster["authOptions"] == {"mode": "token"}
    assert cluster["rayVersion"] == LOCKED["ray"]
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    images = set()
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        pod = group["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        [container] = pod["containers"]
        images.add(container["image"])
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
        assert mounted == {"/data", "/tmp", "/dev/shm"}
        assert {mount["name"] for mount in container["volumeMounts"]} == {
            volume["name"] for volume in pod["volumes"]
        }
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    [image] = images
    assert image.removesuffix("-gpu") == f"grocery-sidecar:{project['version']}"


def test_settings_are_settings(overlay: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = rendered(overlay)["grocery-sidecar-settings"]["data"]
    assert data.keys() <= env_names().keys()
    for name, value in data.items():
        monkeypatch.setenv(name, value)
    assert Settings().log_output == "stderr"


def test_prometheus_reaches_the_metrics_of_every_pod(overlay: Path) -> None:
    resources = rendered(overlay)
    [endpoint] = resources["PodMonitor"]["spec"]["podMetricsEndpoints"]
    cluster = cluster_of(overlay)
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        [container] = group["template"]["spec"]["containers"]
        [port] = [port for port in container["ports"] if port["name"] == endpoint["port"]]
        assert group["rayStartParams"]["metrics-export-port"] == str(port["containerPort"])
        labels = group["template"]["metadata"]["labels"]
        for selector in (
            resources["PodMonitor"]["spec"]["selector"],
            resources["NetworkPolicy"]["spec"]["podSelector"],
        ):
            assert labels.items() >= selector["matchLabels"].items()
    admitted = {
        port["port"]
        for rule in resources["NetworkPolicy"]["spec"]["ingress"]
        for port in rule.get("ports", ())
    }
    assert admitted == {8000, 8080}
