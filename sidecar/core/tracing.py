"""OpenTelemetry traces, from the caller's `traceparent` to the model.

Off unless SIDECAR_OTLP_ENDPOINT is set. Ray Serve creates the spans of its proxy, its replicas and
the calls between them (it loads `processors`). The code adds the spans of jobs, which outlive the
request: a job's row stores the traceparent (https://www.w3.org/TR/trace-context/), and its
attempts continue that trace.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from sidecar.core.errors import ServiceError
from sidecar.core.settings import Settings

#: Read by OpenTelemetry's exporter.
_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_PROPAGATOR = TraceContextTextMapPropagator()
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment variables that every process needs before Ray starts."""
    if not settings.otlp_endpoint:
        return {}
    return {
        _ENDPOINT: settings.otlp_endpoint,
        "OTEL_SERVICE_NAME": "grocery-sidecar",
        "RAY_SERVE_TRACING_EXPORTER_IMPORT_PATH": "sidecar.core.tracing:processors",
        "RAY_SERVE_TRACING_SAMPLING_RATIO": str(settings.trace_sample_ratio),
    }


def processors() -> list[SpanProcessor]:
    """Return the exporter of all spans in Ray Serve's processes."""
    # Imported here: it loads an HTTP client, which is not needed without an endpoint.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return [BatchSpanProcessor(OTLPSpanExporter(), schedule_delay_millis=1000)]


@cache
def set_up_worker_tracing() -> None:
    """Set up tracing in a Ray worker, where Serve doesn't; does nothing without an endpoint."""
    if not os.environ.get(_ENDPOINT):
        return
    provider = TracerProvider(resource=Resource.create())
    for processor in processors():
        provider.add_span_processor(processor)
    trace.set_tracer_provider(provider)


def traceparent_of(header: str | None) -> str | None:
    """Return the current span's traceparent, else the caller's if it is valid, else None."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    traceparent = carrier.get("traceparent", header)
    return traceparent if traceparent and _TRACEPARENT.fullmatch(traceparent) else None


def trace_id_of(traceparent: str | None) -> str | None:
    """Return the trace's id, 32 hex digits, which the logs carry."""
    return traceparent[3:35] if traceparent else None


@contextmanager
def span(name: str, parent: str | None, **attributes: str) -> Iterator[str | None]:
    """Open a span under `parent`, make it current, and yield its own traceparent.

    Without a parent there is no span: traces begin with callers, not with the queue.
    """
    if parent is None:
        yield None
        return
    context = _PROPAGATOR.extract({"traceparent": parent})
    with trace.get_tracer(__name__).start_as_current_span(
        name,
        context,
        attributes=attributes,
        record_exception=False,  # its text may quote what a caller sent
        set_status_on_exception=False,
    ) as current:
        try:
            yield traceparent_of(parent)
        except Exception as error:
            code = error.code if isinstance(error, ServiceError) else ServiceError.code
            current.set_status(Status(StatusCode.ERROR, code))
            raise


def record_span(name: str, parent: str | None, start_ns: int, end_ns: int) -> None:
    """Record a finished span; start and end are POSIX times in nanoseconds."""
    if parent is not None:
        context = _PROPAGATOR.extract({"traceparent": parent})
        trace.get_tracer(__name__).start_span(name, context, start_time=start_ns).end(end_ns)
