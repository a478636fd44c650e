"""Which trace work belongs to."""

import pytest

from sidecar.core.errors import NotFound
from sidecar.core.settings import Settings
from sidecar.core.tracing import environment, span, trace_id_of, traceparent_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def test_the_callers_trace_is_gone_on_with() -> None:
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
def test_what_is_no_traceparent_is_left_alone(header: str | None) -> None:
    assert traceparent_of(header) is None
    assert trace_id_of(traceparent_of(header)) is None


def test_without_a_collector_a_span_hands_the_callers_trace_on() -> None:
    assert environment(Settings()) == {}
    with span("work", PARENT, feature="f") as inner:
        assert trace_id_of(inner) == TRACE
    with span("work", None) as inner:
        assert inner is None


def test_a_span_lets_errors_pass() -> None:
    with pytest.raises(NotFound), span("work", PARENT):
        raise NotFound


def test_with_a_collector_every_process_knows_where_it_is() -> None:
    settings = Settings(otlp_endpoint="http://127.0.0.1:4318", trace_sample_ratio=0.5)
    known = environment(settings)
    assert known["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4318"
    assert known["RAY_SERVE_TRACING_SAMPLING_RATIO"] == "0.5"
