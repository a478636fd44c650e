"""What deploy/ holds is valid and agrees with the rest, as far as that shows without running it."""

import re
import shutil
import subprocess
import sys
import tomllib
import warnings
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from sidecar.core.settings import Settings, env_names

REPOSITORY = Path(__file__).parents[2]
DEPLOY = REPOSITORY / "deploy"
DOCKERFILES = sorted(DEPLOY.glob("Dockerfile*"))
SERVE_CONFIGS = [REPOSITORY / "serve_config.yaml", *sorted(DEPLOY.glob("serve_config.*.yaml"))]
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
RESOURCES = {
    one["kind"]: one for one in yaml.safe_load_all((DEPLOY / "rayservice.yaml").read_text())
}
RAY_SERVICE = RESOURCES["RayService"]["spec"]


def instructions(dockerfile: Path) -> list[str]:
    """A Dockerfile's instructions, each on a line."""
    lines = [
        line for line in dockerfile.read_text().splitlines() if not line.lstrip().startswith("#")
    ]
    return [line for line in "\n".join(lines).replace("\\\n", " ").splitlines() if line]


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda file: file.name)
def test_a_dockerfile_passes_its_linter(dockerfile: Path) -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    run = subprocess.run([hadolint, dockerfile], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout == ""


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda file: file.name)
def test_an_image_copies_what_is_there_and_what_is_let_into_its_context(dockerfile: Path) -> None:
    ignored = (REPOSITORY / ".dockerignore").read_text().splitlines()
    let_in = [line[1:] for line in ignored if line.startswith("!")]
    copied = [
        source
        for line in instructions(dockerfile)
        if line.startswith("COPY ") and "--from=" not in line
        for source in line.split()[1:-1]
    ]
    assert copied
    for source in copied:
        assert (REPOSITORY / source).exists()
        assert any(fnmatch(source, pattern) for pattern in let_in)


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda file: file.name)
def test_an_image_runs_modules_that_exist_as_an_ordinary_user(dockerfile: Path) -> None:
    lines = instructions(dockerfile)
    words = re.sub(r'[",;]', " ", " ".join(lines)).split()
    modules = {after for word, after in pairwise(words) if word == "-m"}
    assert modules >= {"deployments.launcher", "sidecar.classification.exemplar_store"}
    for module in modules - {"venv"}:
        path = REPOSITORY / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()
    last_user = [line for line in lines if line.startswith("USER ")][-1]
    assert int(last_user.split()[1].split(":")[0]) > 0
    assert any(line.startswith("HEALTHCHECK ") for line in lines)


LOCKED = {
    package["name"]: package
    for package in tomllib.loads((REPOSITORY / "uv.lock").read_text())["package"]
}


def test_both_images_install_what_the_lock_names() -> None:
    for dockerfile in DOCKERFILES:
        text = " ".join(instructions(dockerfile))
        assert "uv sync --frozen" in text
        assert "uv sync " not in text.replace("uv sync --frozen", "")


def test_the_lock_names_every_file_with_its_hash() -> None:
    assert len(LOCKED) > 200
    for name, package in LOCKED.items():
        files = [*package.get("wheels", []), *filter(None, [package.get("sdist")])]
        if "registry" in package["source"]:
            assert files, name
        assert all(file["hash"].startswith("sha256:") for file in files), name


def test_the_lock_is_that_of_the_project_file() -> None:
    uv = Path(sys.executable).with_name("uv")
    run = subprocess.run(
        [uv, "lock", "--check", "--offline"], cwd=REPOSITORY, capture_output=True, text=True
    )
    # Without its cache uv can't look packages up, but it says so only after it has compared.
    assert "needs to be updated" not in run.stderr


def test_a_wheel_holds_every_file_of_the_packages() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    data = project["tool"]["setuptools"]["package-data"]
    for top in ("deployments", "jobs"):
        for file in (REPOSITORY / top).rglob("*"):
            if file.is_file() and file.suffix != ".py" and "__pycache__" not in file.parts:
                inside = file.relative_to(REPOSITORY)
                assert any(
                    inside.is_relative_to(package.replace(".", "/"))
                    and inside.relative_to(package.replace(".", "/")).match(pattern)
                    for package, patterns in data.items()
                    for pattern in patterns
                ), inside


@pytest.mark.parametrize("file", SERVE_CONFIGS, ids=lambda file: file.name)
def test_a_configuration_of_serve_is_one_and_its_settings_are(file: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's own, when it is imported
        from ray.serve.schema import ServeDeploySchema
    schema = ServeDeploySchema.model_validate(yaml.safe_load(file.read_text()))
    assert [application.name for application in schema.applications] == ["sidecar", "engine"]
    for application in schema.applications:
        Settings(**application.args)


def test_the_cluster_differs_from_one_machine_in_where_and_how_many() -> None:
    machine, cluster = (
        {
            one["name"]: one
            for application in yaml.safe_load(file.read_text())["applications"]
            for one in application["deployments"]
        }
        for file in (REPOSITORY / "serve_config.yaml", DEPLOY / "serve_config.cluster.yaml")
    )
    assert machine.keys() == cluster.keys()
    for name, deployment in cluster.items():
        assert deployment["ray_actor_options"]["resources"] == {"sidecar": 0.001}
        changed = {
            key for key, value in deployment.items() if value != machine[name].get(key)
        } | machine[name].keys() - deployment.keys()
        assert changed <= {"ray_actor_options", "num_replicas", "autoscaling_config"}


def test_kubernetes_runs_the_configuration_of_the_cluster() -> None:
    config = yaml.safe_load((DEPLOY / "serve_config.cluster.yaml").read_text())
    assert yaml.safe_load(RAY_SERVICE["serveConfigV2"]) == config


def test_kubernetes_runs_it_unprivileged_and_with_rays_token() -> None:
    cluster = RAY_SERVICE["rayClusterConfig"]
    assert cluster["authOptions"] == {"mode": "token"}
    assert cluster["rayVersion"] == LOCKED["ray"]["version"]
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        pod = group["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        [container] = pod["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert {mount["mountPath"] for mount in container["volumeMounts"]} == {
            "/data",
            "/tmp",
            "/dev/shm",
        }
        assert {mount["name"] for mount in container["volumeMounts"]} == {
            volume["name"] for volume in pod["volumes"]
        }


def test_the_compose_file_follows_its_specification_and_the_workflow_githubs() -> None:
    for schema, file in (
        ("vendor.compose-spec", DEPLOY / "compose.yaml"),
        ("vendor.github-workflows", REPOSITORY / ".github" / "workflows" / "ci.yml"),
    ):
        run = subprocess.run(
            [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, file],
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stdout + run.stderr


def test_compose_opens_ports_to_its_own_host_alone() -> None:
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_compose_mounts_files_that_exist_and_volumes_that_it_names() -> None:
    mounts = [one for service in COMPOSE["services"].values() for one in service["volumes"]]
    for mount in mounts:
        source = mount.split(":")[0]
        if source.startswith("."):
            assert (DEPLOY / source).exists()
        else:
            assert source in COMPOSE["volumes"]
    for file in (DEPLOY / "grafana" / "provisioning").rglob("*.yml"):
        assert yaml.safe_load(file.read_text())["apiVersion"] == 1


def test_fly_listens_where_the_image_does_and_offers_nothing_to_the_public() -> None:
    fly: dict[str, Any] = tomllib.loads((DEPLOY / "fly.toml").read_text())
    assert (DEPLOY / fly["build"]["dockerfile"]).is_file()
    [service] = fly["services"]
    config = yaml.safe_load((REPOSITORY / "serve_config.yaml").read_text())
    assert service["internal_port"] == config["http_options"]["port"]
    # 80 and 443 are the ports that Fly gives to the public; handlers end TLS there.
    assert service["ports"] == [{"port": 8000}]
    assert fly["mounts"][0]["destination"] == "/data"
    assert fly["env"].keys() <= env_names().keys()


def test_the_systemd_unit_verifies_and_is_confined(tmp_path: Path) -> None:
    unit = (DEPLOY / "grocery-sidecar.service").read_text()
    assert "ExecStart=/opt/grocery-sidecar/.venv/bin/python -m deployments.launcher " in unit
    for confinement in ("NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet="):
        assert confinement in unit.splitlines()
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        return
    # The command is not installed on the machine that tests; all else must hold.
    here = tmp_path / "grocery-sidecar.service"
    here.write_text(unit.replace("/opt/grocery-sidecar/.venv/bin/python", sys.executable))
    run = subprocess.run([analyze, "verify", here], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
