"""OpenTelemetry traces, from the caller's `traceparent` to the model.

Off unless SIDECAR_OTLP_ENDPOINT is set.

Ray Serve makes the spans of its proxy, its replicas and the calls between them (it loads
`processors`); the code adds those of jobs, which outlive the request: a job's row carries the
traceparent (https://www.w3.org/TR/trace-context/), its attempt and its work go on with it.
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

#: OpenTelemetry's own name for the endpoint, read by its exporter.
_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_PROPAGATOR = TraceContextTextMapPropagator()
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def environment(settings: Settings) -> dict[str, str]:
    """What every process of the service needs in its environment before Ray starts."""
    if not settings.otlp_endpoint:
        return {}
    return {
        _ENDPOINT: settings.otlp_endpoint,
        "OTEL_SERVICE_NAME": "grocery-sidecar",
        "RAY_SERVE_TRACING_EXPORTER_IMPORT_PATH": "sidecar.core.tracing:processors",
        "RAY_SERVE_TRACING_SAMPLING_RATIO": str(settings.trace_sample_ratio),
    }


def processors() -> list[SpanProcessor]:
    """Where Ray Serve's spans, and with them all others of its processes, go."""
    # Imported where it is used: it brings an HTTP client, and without an endpoint nobody needs it.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return [BatchSpanProcessor(OTLPSpanExporter(), schedule_delay_millis=1000)]


def set_up_worker_tracing() -> None:
    """Sets a worker process of Ray up, where Serve doesn't; nothing without an endpoint."""
    if os.environ.get(_ENDPOINT):
        _set_tracer_provider()


@cache
def _set_tracer_provider() -> None:
    provider = TracerProvider(resource=Resource.create())
    for processor in processors():
        provider.add_span_processor(processor)
    trace.set_tracer_provider(provider)


def traceparent_of(header: str | None) -> str | None:
    """The traceparent to go on with: of the span under way, else of the caller's header; None when
    there is neither, or what the caller sent is not one.
    """
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    found = carrier.get("traceparent", header)
    return found if found and _TRACEPARENT.fullmatch(found) else None


def trace_id_of(traceparent: str | None) -> str | None:
    """The 32 hex digits by which the logs name the trace."""
    return traceparent[3:35] if traceparent else None


@contextmanager
def span(name: str, parent: str | None, **attributes: str) -> Iterator[str | None]:
    """A span under the given traceparent, current while it lasts; gives its own traceparent.

    Work without a trace makes none: traces begin with callers, not with the queue.
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
    """A span that is over, from POSIX nanoseconds to POSIX nanoseconds."""
    if parent is not None:
        context = _PROPAGATOR.extract({"traceparent": parent})
        trace.get_tracer(__name__).start_span(name, context, start_time=start_ns).end(end_ns)
