"""The files in deploy/ are valid and consistent with the code, as far as static checks show."""

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
WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def instructions(dockerfile: Path) -> list[str]:
    """Return a Dockerfile's instructions, one per line."""
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
def test_an_image_copies_existing_files_of_its_build_context(dockerfile: Path) -> None:
    ignored = (REPOSITORY / ".dockerignore").read_text().splitlines()
    included = [line[1:] for line in ignored if line.startswith("!")]
    copied = [
        source
        for line in instructions(dockerfile)
        if line.startswith("COPY ") and "--from=" not in line
        for source in line.split()[1:-1]
    ]
    assert copied
    for source in copied:
        assert (REPOSITORY / source).exists()
        assert any(fnmatch(source, pattern) for pattern in included)


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda file: file.name)
def test_an_image_that_writes_no_bytecode_has_it(dockerfile: Path) -> None:
    text = " ".join(instructions(dockerfile))
    assert "PYTHONDONTWRITEBYTECODE=1" in text
    assert "UV_COMPILE_BYTECODE=1" in text
    # Python's image comes without that of the standard library.
    assert "python -m compileall -q /usr/local/lib/python3.11" in text


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda file: file.name)
def test_an_image_runs_existing_modules_as_an_ordinary_user(dockerfile: Path) -> None:
    lines = instructions(dockerfile)
    words = re.sub(r'[",;]', " ", " ".join(lines)).split()
    modules = {module for option, module in pairwise(words) if option == "-m"}
    if dockerfile.name == "Dockerfile.stub":
        assert modules >= {"deployments.stub"}
    else:
        assert modules >= {"deployments.launcher", "sidecar.classification.exemplar_store"}
    for module in modules - {"venv", "compileall"}:
        path = REPOSITORY / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()
    last_user = [line for line in lines if line.startswith("USER ")][-1]
    assert int(last_user.split()[1].split(":")[0]) > 0
    assert any(line.startswith("HEALTHCHECK ") for line in lines)


LOCKED = {
    package["name"]: package
    for package in tomllib.loads((REPOSITORY / "uv.lock").read_text())["package"]
}


def test_what_builds_and_deployments_fetch_is_pinned_by_what_it_contains() -> None:
    stages = [
        line.split()
        for dockerfile in DOCKERFILES
        for line in instructions(dockerfile)
        if line.startswith("FROM ")
    ]
    bases = {stage[1] for stage in stages} - {stage[3] for stage in stages if "AS" in stage}
    assert len(bases) == 1
    images = {service["image"] for service in COMPOSE["services"].values()}
    for image in bases | images - {"grocery-sidecar"}:
        assert re.fullmatch(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}", image), image
    actions = re.findall(r"uses: (.+)", "".join(workflow.read_text() for workflow in WORKFLOWS))
    assert actions
    for action in actions:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", action), action


def test_both_images_install_the_locked_packages() -> None:
    for dockerfile in DOCKERFILES:
        text = " ".join(instructions(dockerfile))
        assert "uv sync --frozen" in text
        assert "uv sync " not in text.replace("uv sync --frozen", "")


def test_the_lock_has_the_hash_of_every_file() -> None:
    assert len(LOCKED) > 200
    for name, package in LOCKED.items():
        files = [*package.get("wheels", []), *filter(None, [package.get("sdist")])]
        if "registry" in package["source"]:
            assert files, name
        assert all(file["hash"].startswith("sha256:") for file in files), name


def test_the_lock_matches_the_project_file() -> None:
    uv = Path(sys.executable).with_name("uv")
    run = subprocess.run(
        [uv, "lock", "--check", "--offline"], cwd=REPOSITORY, capture_output=True, text=True
    )
    # Without its cache uv can't look packages up, but it reports that only after comparing.
    assert "needs to be updated" not in run.stderr


def test_a_wheel_contains_every_file_of_the_packages() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    data = project["tool"]["setuptools"]["package-data"]
    for top in ("deployments", "jobs", "sidecar"):
        for file in (REPOSITORY / top).rglob("*"):
            if file.is_file() and file.suffix != ".py" and "__pycache__" not in file.parts:
                path = file.relative_to(REPOSITORY)
                assert any(
                    path.is_relative_to(package.replace(".", "/"))
                    and path.relative_to(package.replace(".", "/")).match(pattern)
                    for package, patterns in data.items()
                    for pattern in patterns
                ), path


@pytest.mark.parametrize("file", SERVE_CONFIGS, ids=lambda file: file.name)
def test_a_serve_configuration_and_its_settings_are_valid(file: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # raised when Ray is imported
        from ray.serve.schema import ServeDeploySchema
    schema = ServeDeploySchema.model_validate(yaml.safe_load(file.read_text()))
    assert [application.name for application in schema.applications] == ["sidecar", "engine"]
    for application in schema.applications:
        Settings(**application.args)


def test_the_cluster_differs_from_one_machine_in_placement_and_replicas_only() -> None:
    machine, cluster = (
        {
            deployment["name"]: deployment
            for application in yaml.safe_load(file.read_text())["applications"]
            for deployment in application["deployments"]
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


def test_the_compose_file_and_the_workflows_match_their_schemas() -> None:
    for schema, file in (
        ("vendor.compose-spec", DEPLOY / "compose.yaml"),
        *(("vendor.github-workflows", workflow) for workflow in WORKFLOWS),
    ):
        run = subprocess.run(
            [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, file],
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stdout + run.stderr


def test_compose_publishes_ports_on_loopback_only() -> None:
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_compose_mounts_existing_files_and_declared_volumes() -> None:
    mounts = [mount for service in COMPOSE["services"].values() for mount in service["volumes"]]
    for mount in mounts:
        source = mount.split(":")[0]
        if source.startswith("."):
            assert (DEPLOY / source).exists()
        else:
            assert source in COMPOSE["volumes"]
    for file in (DEPLOY / "grafana" / "provisioning").rglob("*.yml"):
        assert yaml.safe_load(file.read_text())["apiVersion"] == 1


def test_fly_uses_the_services_port_and_publishes_none() -> None:
    fly: dict[str, Any] = tomllib.loads((DEPLOY / "fly.toml").read_text())
    assert (DEPLOY / fly["build"]["dockerfile"]).is_file()
    [service] = fly["services"]
    config = yaml.safe_load((REPOSITORY / "serve_config.yaml").read_text())
    assert service["internal_port"] == config["http_options"]["port"]
    # Fly publishes 80 and 443, where handlers terminate TLS.
    assert service["ports"] == [{"port": 8000}]
    assert fly["mounts"][0]["destination"] == "/data"
    assert fly["env"].keys() <= env_names().keys()


def test_the_systemd_unit_is_valid_and_confined(tmp_path: Path) -> None:
    unit = (DEPLOY / "grocery-sidecar.service").read_text()
    assert "ExecStart=/opt/grocery-sidecar/.venv/bin/python -m deployments.launcher " in unit
    for confinement in ("NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet="):
        assert confinement in unit.splitlines()
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        return
    # The unit's command is not installed on the test machine.
    unit_file = tmp_path / "grocery-sidecar.service"
    unit_file.write_text(unit.replace("/opt/grocery-sidecar/.venv/bin/python", sys.executable))
    run = subprocess.run(
        [analyze, "verify", unit_file], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize("gpu", ["/usr/bin/nvidia-smi", ""])
def test_what_is_for_cuda_is_installed_beside_a_gpu_alone(gpu: str) -> None:
    targets = [".venv/installed", ".venv/installed-engine"]
    recipes = subprocess.run(
        ["make", "--dry-run", "--always-make", *targets, f"GPU={gpu}"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    packages = tomllib.loads((REPOSITORY / "uv.lock").read_text())["package"]
    [torch] = [package for package in packages if package["name"] == "torch"]
    left_out = set(re.findall(r"--no-install-package ([\w-]+)", recipes))
    needed = {it["name"] for it in torch["dependencies"]}
    assert "triton" in needed
    if gpu:
        assert not left_out
        assert "--extra engine-gpu" in recipes
    else:
        assert {"torch", *filter(re.compile("cuda|nvidia|triton").match, needed)} <= left_out
        assert "--extra engine-cpu" in recipes
    [image] = re.findall(r'"(\(torch.*\))"', (DEPLOY / "Dockerfile").read_text())
    assert image in (REPOSITORY / "Makefile").read_text()


def test_torch_is_installed_by_hash_in_the_version_of_the_lock() -> None:
    packages = tomllib.loads((REPOSITORY / "uv.lock").read_text())["package"]
    [locked] = [package for package in packages if package["name"] == "torch"]
    requirement = (DEPLOY / "torch.txt").read_text()
    hashes = set(re.findall(r"--hash=(sha256:[0-9a-f]{64})", requirement))
    assert f"\ntorch=={locked['version']} " in requirement
    assert hashes > {wheel["hash"] for wheel in locked["wheels"]}
    assert len(hashes) == 2 * len(locked["wheels"])  # and its builds for CPUs
