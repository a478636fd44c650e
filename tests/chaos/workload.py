"""The load of the chaos tests: tenants that submit each job until it is accepted."""

import base64
import io
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tests.acceptance.test_plans import HARD, PLAN

_SAME_COSINE = 0.95
FINAL_STATUSES = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True)
class Sample:
    """A kind of job to submit."""

    name: str  # identifies its expected result
    feature: str
    payload: Callable[[random.Random], dict[str, Any]]


@dataclass
class AcceptedJob:
    """A job that the service has accepted."""

    job_id: str
    tenant: str
    sample: str
    submissions: int  # requests until one was answered
    seconds: float  # until then
    answered_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class Workload(threading.Thread):
    """A thread that submits jobs for one tenant at a rate, sample after sample, until stopped."""

    url: str
    tenant: str
    samples: Sequence[Sample]
    interval_s: float
    seed: int
    one_at_a_time: bool = False
    accepted: list[AcceptedJob] = field(default_factory=list)
    rejected: Counter[int] = field(default_factory=Counter)  # by status; 0: no response
    internal_errors: list[str] = field(default_factory=list)  # responses with status 500
    stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(name=self.tenant, daemon=True)
        self._rng = random.Random(self.seed)

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        with httpx.Client(
            base_url=self.url, timeout=20, headers={"x-tenant-id": self.tenant}
        ) as client:
            number = 0
            while not self.stopping.wait(self.interval_s * self._rng.uniform(0.5, 1.5)):
                sample = self.samples[number % len(self.samples)]
                number += 1
                job_id = self._submit(client, sample, number)
                while self.one_at_a_time and not self.stopping.wait(0.2):
                    if self._status(client, job_id) in FINAL_STATUSES:
                        break

    def _submit(self, client: httpx.Client, sample: Sample, number: int) -> str:
        """Submit until accepted, because a request without a response may have made a job."""
        body = {
            "request_id": f"{self.tenant}-{number}",
            "feature": sample.feature,
            "payload": sample.payload(self._rng),
        }
        started = time.monotonic()
        submissions = 0
        while True:
            submissions += 1
            try:
                response = client.post("/api/v1/jobs", json=body)
            except httpx.HTTPError:
                self.rejected[0] += 1
            else:
                if response.status_code == 200:
                    job_id = str(response.json()["id"])
                    seconds = time.monotonic() - started
                    self.accepted.append(
                        AcceptedJob(job_id, self.tenant, sample.name, submissions, seconds)
                    )
                    return job_id
                if response.status_code == 500:
                    self.internal_errors.append(
                        f"{datetime.now(UTC):%H:%M:%S} {dict(response.headers)} {response.text}"
                    )
                self.rejected[response.status_code] += 1
            time.sleep(self._rng.uniform(0.2, 1.0))

    def _status(self, client: httpx.Client, job_id: str) -> str | None:
        try:
            return str(client.get(f"/api/v1/jobs/{job_id}").json().get("status"))
        except (httpx.HTTPError, ValueError):
            return None


def receipt(number: int) -> Sample:
    """Return a small receipt with an amount of its own; trailing bytes make each file unique."""
    image = Image.new("RGB", (420, 330), "white")
    draw = ImageDraw.Draw(image)
    amount = f"{number + 2}.{number * 17 % 90 + 10}"
    lines = ["CORNER SHOP", "12/31/2025", f"MILK         {amount}", f"TOTAL        {amount}"]
    for row, line in enumerate(lines):
        draw.text((30, 30 + 70 * row), line, fill="black", font=ImageFont.load_default(size=34))
    file = io.BytesIO()
    image.save(file, "PNG")

    def payload(rng: random.Random) -> dict[str, Any]:
        data = file.getvalue() + rng.randbytes(16)
        return {"image_base64": base64.b64encode(data).decode()}

    return Sample(f"receipt {number}", "receipt_extraction", payload)


def plan(number: int) -> Sample:
    """Return a small plan with quantities of its own."""
    inventory = [{**item, "quantity": item["quantity"] + number} for item in PLAN["inventory"]]
    recipes = PLAN["recipes"][: 3 - number % 2]
    payload = {**PLAN, "inventory": inventory, "recipes": recipes}
    return Sample(f"plan {number}", "meal_optimization", lambda _: payload)


def vectors(number: int) -> Sample:
    """Return a few texts to embed, of another food than those of the other numbers."""
    food = ("whole milk", "fresh salmon", "dish soap", "red apples")[number]
    texts = [{"id": str(n), "text": f"{n} of {food}"} for n in range(4)]
    return Sample(f"vectors {number}", "embedding_batch", lambda _: {"texts": texts})


def poison_samples() -> Sequence[Sample]:
    """Return a broken image, and a plan that takes its whole time limit."""
    broken = {"image_base64": base64.b64encode(b"\xff\xd8\xff\xe0broken").decode()}
    return [
        Sample("broken image", "receipt_extraction", lambda _: broken),
        Sample("hard plan", "meal_optimization", lambda _: {**HARD, "timeout_ms": 3000}),
    ]


SAMPLES: Mapping[str, Sequence[Sample]] = {
    "receipt_extraction": [receipt(n) for n in range(4)],
    "meal_optimization": [plan(n) for n in range(4)],
    "embedding_batch": [vectors(n) for n in range(4)],
}


def deterministic_part(feature: str, output: Mapping[str, Any]) -> Any:
    """Return the part of a result that depends on the input alone."""
    match feature:
        case "receipt_extraction":
            names = [item["name"] for item in output["items"]]
            return output["merchant"], output["date"], output["total"], names
        case "meal_optimization":
            return output["status"], output["objective"]
        case "embedding_batch":
            return [item["vector"] for item in output["embeddings"]]
    raise ValueError(feature)


def is_same(feature: str, part: Any, other: Any) -> bool:
    """Return whether two `deterministic_part`s are of the same input."""
    if feature != "embedding_batch":
        return bool(part == other)
    # Vectors differ a little by what was embedded beside them: see docs/api.md.
    return bool(np.all(np.sum(np.array(part) * np.array(other), axis=1) > _SAME_COSINE))
