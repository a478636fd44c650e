"""Waits until a started service is ready, or finds out why it isn't."""

import json
import threading
import time
import urllib.request
from http.client import HTTPException

from deployments.launcher.config import ENGINE, VISION
from sidecar.core.settings import Settings

READY_TIMEOUT_S = 120


def wait_until_ready(url: str, settings: Settings, stop_requested: threading.Event) -> str | None:
    """Return None once every part is ready or a stop is requested, otherwise the problem."""
    from deployments.serving.status import serve_status

    # Readiness has no details without the token.
    token = settings.api_tokens[0].get_secret_value() if settings.api_tokens else ""
    probe = urllib.request.Request(
        f"{url}/health/ready", headers={"Authorization": f"Bearer {token}"}
    )
    deadline = time.monotonic() + READY_TIMEOUT_S
    problem = "the service does not respond"
    while not stop_requested.wait(0.2):
        for name, application in serve_status().applications.items():
            if application.status == "DEPLOY_FAILED" and name not in (ENGINE, VISION):
                reason = application.message.strip().rpartition("\n")[2]
                return f"The application {name} could not be deployed: {reason}"
        try:
            with urllib.request.urlopen(probe, timeout=5) as response:
                readiness = json.load(response)
        except (OSError, HTTPException, ValueError):  # an answer that was cut off, too
            readiness = {}
        if readiness.get("status") == "ok":
            return None
        failing = [
            f"{name}: {check['detail']}"
            for name, check in readiness.get("checks", {}).items()
            if check["status"] != "ok"
        ]
        problem = "; ".join(failing) or problem
        if time.monotonic() > deadline:
            return f"Not ready after {READY_TIMEOUT_S} s: {problem}"
    return None
