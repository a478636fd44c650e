"""`make run` prints what the README shows, to the line, and nothing else."""

import json
import re
from pathlib import Path

import httpx

from deployments.launcher.screen import LOG_FILE
from tests.acceptance.service import REPOSITORY, Service, running


def shown_in_readme() -> list[str]:
    text = (REPOSITORY / "README.md").read_text()
    block = text.partition("`make run` prints:\n\n")[2].partition("\nwhich answers")[0]
    return [line.removeprefix("    ") for line in block.rstrip().splitlines()]


def printed(service: Service) -> list[str]:
    text = service.log.read_text().replace(service.url, "http://127.0.0.1:8000")
    return text.rstrip().splitlines()


def comparable(line: str) -> str:
    """Return the line without what differs between machines and folders."""
    line = re.sub(r"^Hardware: .*", "Hardware: …", line)
    line = re.sub(r"^Ready after \d+ s", "Ready after … s", line)
    return re.sub(r"(  Log +)\S*data/logs/service\.log", r"\1data/logs/service.log", line)


def test_the_screen_is_what_the_readme_shows(tmp_path: Path) -> None:
    settings = {"engine": {"mode": "auto"}, "log_output": "file"}
    with running(tmp_path, settings=settings) as service:
        assert list(map(comparable, printed(service))) == list(map(comparable, shown_in_readme()))
        ready = httpx.get(f"{service.url}/health/ready", timeout=10).json()
        assert f"Hardware: {ready['checks']['hardware']['detail']}." in printed(service)
        httpx.get(f"{service.url}/api/v1/jobs", headers={"x-tenant-id": "t"}, timeout=10)
        log = service.data_dir / "logs" / LOG_FILE
        assert all(json.loads(line) for line in log.read_text().splitlines())
        assert service.stop() == 0
    lines = printed(service)
    assert lines[len(shown_in_readme()) :] == ["", "Stopping …", "Stopped."]
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert any(event.get("event") == "request" for event in events)
