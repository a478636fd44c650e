"""The queries of deploy/grafana against Debian's Prometheus, which scrapes the service."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from deployments.launcher.ports import free_port
from tests.acceptance.service import REPOSITORY, Service

GRAFANA = REPOSITORY / "deploy" / "grafana"
#: Metrics of failures, which have no samples because nothing fails.
FAILURE_METRICS = {"ray_sidecar_rescues_total", "ray_sidecar_database_errors_total"}
TIMEOUT_S = 90


@pytest.fixture(scope="module")
def prometheus(
    service: Service, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """Prometheus with the repository's configuration, scraping the service every second."""
    if shutil.which("prometheus") is None:
        if os.environ.get("CI"):
            pytest.fail("prometheus is not installed; `make test` installs Debian's where it can")
        pytest.skip("prometheus is not installed, and could not be: that needs apt-get and root")
    folder = tmp_path_factory.mktemp("prometheus")
    config = yaml.safe_load((GRAFANA / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [service.metrics]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    shutil.copy(GRAFANA / "alerts.yml", folder)
    address = f"127.0.0.1:{free_port()}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    with httpx.Client(base_url=f"http://{address}", timeout=10) as client:
        yield client
    process.terminate()
    process.wait(30)


def query(prometheus: httpx.Client, expression: str) -> list[dict[str, Any]]:
    expression = expression.replace("$__rate_interval", "1m")
    try:
        response = prometheus.get("/api/v1/query", params={"query": expression}).json()
    except httpx.TransportError:
        return []  # Prometheus is still starting
    assert response["status"] == "success", (expression, response)
    result: list[dict[str, Any]] = response["data"]["result"]
    return result


def expressions(dashboard: Path) -> list[str]:
    panels = json.loads(dashboard.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def test_every_panel_of_the_grafana_dashboard_has_data(
    service: Service, client: httpx.Client, prometheus: httpx.Client, sample: str, wait_for_job: Any
) -> None:
    job = client.post(
        "/api/v1/jobs",
        json={"feature": "receipt_extraction", "payload": {"image_base64": sample}},
    ).json()
    assert wait_for_job(job["id"])["status"] == "succeeded"
    assert client.get("/api/v1/jobs/none").status_code == 404
    # With other labels the second request misses the prediction cache and hits the vector cache.
    for labels in (["Dairy", "Bakery"], ["Dairy", "Produce"]):
        payload = {"item_name": "oat milk", "candidate_labels": labels}
        assert client.post("/api/v1/categorize", json={"payload": payload}).status_code == 200
    expected = [
        expression
        for expression in expressions(GRAFANA / "dashboard.json")
        if not any(name in expression for name in FAILURE_METRICS)
    ]
    deadline = time.monotonic() + TIMEOUT_S
    while missing := [expression for expression in expected if not query(prometheus, expression)]:
        assert time.monotonic() < deadline, f"no data for {missing}"
        time.sleep(1)
    for expression in expressions(GRAFANA / "dashboard.json"):
        query(prometheus, expression)  # is valid
    [succeeded] = query(
        prometheus,
        'max(ray_sidecar_attempts_total{feature="receipt_extraction", code="ok"})',
    )
    assert float(succeeded["value"][1]) >= 1


def test_the_alert_rules_are_valid_and_none_fires(prometheus: httpx.Client) -> None:
    rules = GRAFANA / "alerts.yml"
    check = subprocess.run(
        ["promtool", "check", "rules", str(rules)], capture_output=True, text=True, check=False
    )
    assert check.returncode == 0, check.stderr
    for rule in yaml.safe_load(rules.read_text())["groups"][0]["rules"]:
        query(prometheus, rule["expr"])  # is valid
    alerts = prometheus.get("/api/v1/alerts").json()["data"]["alerts"]
    assert [alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"] == []
