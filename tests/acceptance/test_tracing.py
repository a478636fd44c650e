"""One trace shows a receipt from upload to result: a collector here gathers its spans."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.acceptance.service import running

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"
SECONDS = 60


class Collector(ThreadingHTTPServer):
    """Takes spans as OTLP over HTTP."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.server.spans.extend(scope.spans)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_one_trace_from_the_caller_to_the_model(
    collector: Collector, sample: str, tmp_path: Path
) -> None:
    endpoint = f"http://127.0.0.1:{collector.server_port}"
    with running(tmp_path, settings={"otlp_endpoint": endpoint}) as service:
        answer = httpx.post(
            f"{service.url}/api/v1/extract-receipt",
            json={"tenant_id": "t", "payload": {"image_base64": sample}},
            headers={"traceparent": f"00-{TRACE}-{CALLER}-01"},
            timeout=60,
        )
        assert answer.status_code == 200
        wanted = {"attempt", "receipt_extraction", "decode", "detect", "recognise"}
        deadline = time.monotonic() + SECONDS
        while not wanted <= {span.name for span in collector.spans}:
            assert time.monotonic() < deadline, {span.name for span in collector.spans}
            time.sleep(0.1)
        log = service.log.read_text()
    ours = {span.span_id.hex(): span for span in collector.spans if span.trace_id.hex() == TRACE}
    by_name = {span.name: span for span in ours.values()}
    assert wanted <= set(by_name)

    def ancestors(span: Span) -> list[str]:
        above = ours.get(span.parent_span_id.hex())
        return [] if above is None else [above.name, *ancestors(above)]

    assert ancestors(by_name["recognise"])[:2] == ["receipt_extraction", "attempt"]
    assert any("Ingress" in name for name in ancestors(by_name["attempt"]))
    roots = {span.parent_span_id.hex() for span in ours.values() if not ancestors(span)}
    assert CALLER in roots
    assert f'"trace_id": "{TRACE}"' in log
    assert sample[:40] not in log
