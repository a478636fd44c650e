"""A stream of jobs from one tenant, each submitted until it is accepted."""

import base64
import io
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from PIL import Image, ImageDraw, ImageFont

from tests.acceptance.test_plans import HARD, PLAN

ENDED = ("succeeded", "failed", "cancelled")

#: What is submitted, from chance and a number of its own.
Payload = Callable[[random.Random], dict[str, Any]]


@dataclass(frozen=True)
class Sample:
    """One thing to submit."""

    name: str  # what tells its result from the others'
    feature: str
    payload: Payload


@dataclass
class Accepted:
    """A job that the service has answered for."""

    job_id: str
    tenant: str
    sample: str
    submissions: int  # requests until one was answered
    seconds: float  # until then


@dataclass
class Stream(threading.Thread):
    """Submits samples by turns at a rate, until told to stop; remembers what was accepted."""

    url: str
    tenant: str
    samples: Sequence[Sample]
    every_s: float
    seed: int
    one_at_a_time: bool = False
    accepted: list[Accepted] = field(default_factory=list)
    refused: dict[int, int] = field(default_factory=dict)
    bugs: list[str] = field(default_factory=list)  # answers of 500
    stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(name=self.tenant, daemon=True)
        self._chance = random.Random(self.seed)

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        with httpx.Client(
            base_url=self.url, timeout=20, headers={"x-tenant-id": self.tenant}
        ) as client:
            number = 0
            while not self.stopping.wait(self.every_s * self._chance.uniform(0.5, 1.5)):
                sample = self.samples[number % len(self.samples)]
                number += 1
                job_id = self._submit(client, sample, number)
                while self.one_at_a_time and not self.stopping.wait(0.2):
                    if self._status(client, job_id) in ENDED:
                        break

    def _submit(self, client: httpx.Client, sample: Sample, number: int) -> str:
        """An accepted request is never given up, or the ledger would not know of it."""
        body = {
            "request_id": f"{self.tenant}-{number}",
            "feature": sample.feature,
            "payload": sample.payload(self._chance),
        }
        started = time.monotonic()
        requests = 0
        while True:
            requests += 1
            try:
                answer = client.post("/api/v1/jobs", json=body)
            except httpx.HTTPError:
                self.refused[0] = self.refused.get(0, 0) + 1
            else:
                if answer.status_code == 200:
                    job_id = str(answer.json()["id"])
                    seconds = time.monotonic() - started
                    self.accepted.append(
                        Accepted(job_id, self.tenant, sample.name, requests, seconds)
                    )
                    return job_id
                if answer.status_code == 500:
                    self.bugs.append(answer.text)
                self.refused[answer.status_code] = self.refused.get(answer.status_code, 0) + 1
            time.sleep(self._chance.uniform(0.2, 1.0))

    def _status(self, client: httpx.Client, job_id: str) -> str | None:
        try:
            return str(client.get(f"/api/v1/jobs/{job_id}").json().get("status"))
        except (httpx.HTTPError, ValueError):
            return None


def receipt(number: int) -> Sample:
    """A small receipt of its own amount; bytes after its end make each file another one."""
    picture = Image.new("RGB", (420, 330), "white")
    draw = ImageDraw.Draw(picture)
    amount = f"{number + 2}.{number * 17 % 90 + 10}"
    lines = ["CORNER SHOP", "12/31/2025", f"MILK         {amount}", f"TOTAL        {amount}"]
    for row, line in enumerate(lines):
        draw.text((30, 30 + 70 * row), line, fill="black", font=ImageFont.load_default(size=34))
    file = io.BytesIO()
    picture.save(file, "PNG")

    def payload(chance: random.Random) -> dict[str, Any]:
        data = file.getvalue() + chance.randbytes(16)
        return {"image_base64": base64.b64encode(data).decode()}

    return Sample(f"receipt {number}", "receipt_extraction", payload)


def plan(number: int) -> Sample:
    """A small plan, over other quantities each."""
    inventory = [{**item, "quantity": item["quantity"] + number} for item in PLAN["inventory"]]
    recipes = PLAN["recipes"][: 3 - number % 2]
    payload = {**PLAN, "inventory": inventory, "recipes": recipes}
    return Sample(f"plan {number}", "meal_optimization", lambda _: payload)


def vectors(number: int) -> Sample:
    """A few texts to embed."""
    texts = [{"id": str(n), "text": f"{n + number} bottles of milk"} for n in range(4)]
    return Sample(f"vectors {number}", "embedding_batch", lambda _: {"texts": texts})


def poisons() -> Sequence[Sample]:
    """A picture that is none, and a plan that takes all of its time."""
    broken = {"image_base64": base64.b64encode(b"\xff\xd8\xff\xe0broken").decode()}
    return [
        Sample("broken picture", "receipt_extraction", lambda _: broken),
        Sample("hard plan", "meal_optimization", lambda _: {**HARD, "timeout_ms": 3000}),
    ]


SAMPLES: Mapping[str, Sequence[Sample]] = {
    "receipt_extraction": [receipt(n) for n in range(4)],
    "meal_optimization": [plan(n) for n in range(4)],
    "embedding_batch": [vectors(n) for n in range(4)],
}


def essence(feature: str, output: Mapping[str, Any]) -> Any:
    """What of a result its input decides, whenever and wherever it was worked out."""
    match feature:
        case "receipt_extraction":
            names = [item["name"] for item in output["items"]]
            return output["merchant"], output["date"], output["total"], names
        case "meal_optimization":
            return output["status"], output["objective"]
        case "embedding_batch":
            return [[round(x, 3) for x in one["vector"][:8]] for one in output["embeddings"]]
    raise ValueError(feature)
