"""Work continues the caller's trace."""

import pytest

from sidecar.core.errors import NotFound
from sidecar.core.settings import Settings
from sidecar.core.tracing import environment, span, trace_id_of, traceparent_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def test_the_callers_trace_is_continued() -> None:
    assert traceparent_of(PARENT) == PARENT
    assert trace_id_of(PARENT) == TRACE


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "00",
        f"00-{'0' * 32}-00f067aa0ba902b7-01",
        f"00-{TRACE}-{'0' * 16}-01",
        PARENT.upper(),
        PARENT + "\n",
        f"{PARENT}-more",
        "00-<script>-00f067aa0ba902b7-01",
    ],
)
def test_an_invalid_traceparent_is_ignored(header: str | None) -> None:
    assert traceparent_of(header) is None
    assert trace_id_of(traceparent_of(header)) is None


def test_without_a_collector_a_span_passes_the_callers_trace_on() -> None:
    assert environment(Settings()) == {}
    with span("work", PARENT, feature="f") as inner:
        assert trace_id_of(inner) == TRACE
    with span("work", None) as inner:
        assert inner is None


def test_a_span_passes_errors_on() -> None:
    with pytest.raises(NotFound), span("work", PARENT):
        raise NotFound


def test_every_process_gets_the_collectors_address() -> None:
    settings = Settings(otlp_endpoint="http://127.0.0.1:4318", trace_sample_ratio=0.5)
    variables = environment(settings)
    assert variables["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4318"
    assert variables["RAY_SERVE_TRACING_SAMPLING_RATIO"] == "0.5"
