"""What docs/api.md shows works as it stands."""

import os
import re
import subprocess

import httpx

from tests.acceptance.service import REPOSITORY, Service

API = (REPOSITORY / "docs" / "api.md").read_text()


def examples(*, chat: bool) -> str:
    """The commands of the page in their order: the first block, and those of chat or the others."""
    script = []
    for section in re.split(r"^## ", API, flags=re.MULTILINE):
        if not script or section.startswith("Chat\n") == chat:
            script += re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return "set -euo pipefail\n" + "\n".join(script)


def run(script: str, service: Service) -> str:
    ran = subprocess.run(
        ["bash", "-c", script],
        cwd=REPOSITORY,
        env={**os.environ, "API": service.url},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr
    return ran.stdout


def test_every_example_but_chat_works(service: Service) -> None:
    said = run(examples(chat=False), service)
    assert '"final":true' in said
    assert '"status":"optimal"' in said
    assert '"name":"' in said
    assert '"erased":{' in said


def test_the_examples_of_chat_work(engine: Service) -> None:
    assert "data: [DONE]" in run(examples(chat=True), engine)


def test_every_endpoint_has_an_example(service: Service) -> None:
    variables = {"job_id": r"\$\w+", "artifact_id": r"\$\w+", "tenant_id": "demo"}
    shown = examples(chat=False) + examples(chat=True)
    for path in httpx.get(f"{service.url}/openapi.json").json()["paths"]:
        if not path.startswith("/dashboard"):
            wanted = re.sub(r"{(\w+)}", lambda found: variables[found[1]], path)
            assert re.search(rf"\$API{wanted}(?=[\s?\"])", shown), path
