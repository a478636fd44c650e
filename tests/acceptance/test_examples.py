"""The examples of the README, docs/api.md and docs/ingredients.md work as written."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx

from tests.acceptance.service import REPOSITORY, Service

API = "\n".join((REPOSITORY / "docs" / page).read_text() for page in ("api.md", "ingredients.md"))
README = (REPOSITORY / "README.md").read_text()
README_URL = "http://127.0.0.1:8000"


def examples(*, chat: bool) -> str:
    """Return the page's commands in order: the first block, and those of chat or all others."""
    script = []
    for section in re.split(r"^## ", API, flags=re.MULTILINE):
        if not script or section.startswith("Chat\n") == chat:
            script += re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return "set -euo pipefail\n" + "\n".join(script)


def run(script: str, service: Service) -> str:
    process = subprocess.run(
        ["bash", "-c", script],
        cwd=REPOSITORY,
        env={**os.environ, "API": service.url},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert process.returncode == 0, process.stdout[-2000:] + process.stderr
    return process.stdout


def test_every_example_but_chat_works(service: Service) -> None:
    output = run(examples(chat=False), service)
    assert '"final":true' in output
    assert '"status":"optimal"' in output
    assert '"name":"' in output
    assert '"erased":{' in output


def test_the_chat_examples_work(engine: Service) -> None:
    assert "data: [DONE]" in run(examples(chat=True), engine)


def test_every_endpoint_has_an_example(service: Service) -> None:
    made = r"\$\w+"
    ids = ("job_id", "artifact_id", "model_id", "correction_id")
    variables = {**dict.fromkeys(ids, made), "tenant_id": "demo", "feature": r"\w+"}
    shown = examples(chat=False) + examples(chat=True)
    for path in httpx.get(f"{service.url}/openapi.json").json()["paths"]:
        if not path.startswith("/dashboard"):
            pattern = re.sub(r"{(\w+)}", lambda match: variables[match[1]], path)
            assert re.search(rf"\$API{pattern}(?=[\s?\"])", shown), path


def differences(shown: Any, response: Any, path: str = "$") -> Iterator[str]:
    """Yield where the response lacks what is shown: starts of lists, and keys of objects."""
    if isinstance(shown, dict):
        for name in shown:
            if name in response:
                yield from differences(shown[name], response[name], f"{path}.{name}")
            else:
                yield f"{path}.{name} is missing"
    elif isinstance(shown, list):
        for index, part in enumerate(shown):
            if index < len(response):
                yield from differences(part, response[index], f"{path}[{index}]")
            else:
                yield f"{path}[{index}] is missing"
    elif shown != response:
        yield f"{path} is {response!r}, not {shown!r}"


def test_the_readmes_command_gives_the_readmes_answer(service: Service) -> None:
    [command] = re.findall(
        r"^    Read a receipt:\n\n(.*?)^which answers$", README, re.MULTILINE | re.DOTALL
    )
    [shown] = re.findall(r"^```json\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    response = json.loads(run(command.replace(README_URL, service.url), service))
    assert not list(differences(json.loads(shown), response))
