"""One trace covers a receipt from the request to the models; a local collector receives it."""

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
TIMEOUT_S = 60


class Collector(ThreadingHTTPServer):
    """A collector of spans, OTLP over HTTP."""

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
        pass


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
        response = httpx.post(
            f"{service.url}/api/v1/extract-receipt",
            json={"tenant_id": "t", "payload": {"image_base64": sample}},
            headers={"traceparent": f"00-{TRACE}-{CALLER}-01"},
            timeout=60,
        )
        assert response.status_code == 200
        expected = {"attempt", "receipt_extraction", "decode", "detect", "recognise"}
        deadline = time.monotonic() + TIMEOUT_S
        # Each process sends its own; the one of the request ends last.
        while not expected <= {span.name for span in collector.spans} or not any(
            span.parent_span_id.hex() == CALLER for span in collector.spans
        ):
            assert time.monotonic() < deadline, {span.name for span in collector.spans}
            time.sleep(0.1)
        log = service.log.read_text()
    spans = {span.span_id.hex(): span for span in collector.spans if span.trace_id.hex() == TRACE}
    by_name = {span.name: span for span in spans.values()}
    assert expected <= set(by_name)

    def ancestors(span: Span) -> list[str]:
        parent = spans.get(span.parent_span_id.hex())
        return [] if parent is None else [parent.name, *ancestors(parent)]

    assert ancestors(by_name["recognise"])[:2] == ["receipt_extraction", "attempt"]
    assert any("Ingress" in name for name in ancestors(by_name["attempt"]))
    roots = {span.parent_span_id.hex() for span in spans.values() if not ancestors(span)}
    assert CALLER in roots
    assert f'"trace_id": "{TRACE}"' in log
    assert sample[:40] not in log
