"""OCR first; a model that sees looks again where it is wanted and there."""

import json
from typing import Any

import pytest

from jobs.queue.job import JobResult
from jobs.storage.database import Database
from jobs.tasks.receipt_enrichment import reread_with_vlm
from sidecar.core.errors import ModelUnavailable
from sidecar.receipts.options import ReceiptOptions
from tests.unit.jobs.served_models import models
from tests.unit.sidecar.llm.echo_engine import EchoEngine
from tests.unit.sidecar.receipts.test_vlm import flat, told

JPEG = b"\xff\xd8\xff"


def read(*pages: bytes, **fields: Any) -> JobResult:
    return JobResult(output=flat(**fields), model_id="ocr", model_version="1", pages=pages)


async def test_without_pages_nobody_is_asked(database: Database) -> None:
    engine = EchoEngine()
    outcome = await reread_with_vlm(ReceiptOptions(), read(), models(database, engine=engine))
    assert set(outcome.output["sources"].values()) == {"ocr"}
    assert not engine.asked


async def test_the_model_gets_the_pages_and_the_form_of_its_answer(database: Database) -> None:
    engine = EchoEngine(says=json.dumps(told()))
    wrong = read(JPEG, JPEG, total="50.00")
    outcome = await reread_with_vlm(ReceiptOptions(), wrong, models(database, engine=engine))
    assert outcome.output["total"] == 5.0
    assert outcome.output["sources"]["total"] == "vision"
    assert outcome.output["sources"]["merchant"] == "ocr"
    assert outcome.model_id == "ocr, echo"
    [asked] = engine.asked
    assert len(asked.image_urls) == 2
    assert asked.wire()["response_format"]["json_schema"]["schema"]["required"]


@pytest.mark.parametrize(
    "engine",
    [EchoEngine(fails_with=ModelUnavailable()), EchoEngine(says='{"merchant": "cut o')],
)
async def test_ocr_stands_where_the_model_has_no_answer(
    database: Database, engine: EchoEngine
) -> None:
    outcome = await reread_with_vlm(ReceiptOptions(), read(JPEG), models(database, engine=engine))
    assert outcome.output["total"] == 5.0
    assert set(outcome.output["sources"].values()) == {"ocr"}
    assert "not available" in outcome.output["checks"]["warnings"][-1]
    with pytest.raises(ModelUnavailable):
        await reread_with_vlm(
            ReceiptOptions(engine="vision"), read(JPEG), models(database, engine=engine)
        )
