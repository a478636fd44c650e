"""The shapes that cross HTTP: the envelope, errors, jobs, artifacts, and whose request it is."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from starlette.requests import Request

from jobs.queue.job import Job, JobStatus, PastAttempt
from jobs.storage.artifacts import Artifact
from sidecar.core.errors import MissingTenant, ServiceError, TenantMismatch, by_code

Payload = TypeVar("Payload")


def _storable(text: str) -> str:
    if not text.isprintable() or text.isspace():
        raise ValueError("must be printable text")
    return text


#: A name that somebody else chose: a tenant, a user, a request. It ends up in rows and logs.
Name = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_storable)]


class Wire(BaseModel):
    """A body; fields that this service doesn't know are left alone, infinities are refused."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, allow_inf_nan=False, protected_namespaces=()
    )


class Envelope(Wire, Generic[Payload]):
    """What the core application sends."""

    request_id: Name | None = None
    tenant_id: Name | None = Field(None, description="Needed here or in the X-Tenant-ID header.")
    user_id: Name | None = Field(None, description="Null for work that the system started.")
    feature: Name | None = None
    payload: Payload


class Provenance(Wire):
    """Where an answer came from."""

    artifact_id: str | None
    model_id: str | None
    model_version: str | None
    latency_ms: float


class Answer(Wire):
    """What the core application gets."""

    request_id: str
    status: Literal["success"] = "success"
    payload: Mapping[str, Any]
    error: None = None
    metadata: Provenance
    model_version: str | None
    processing_time_ms: float

    @classmethod
    def of(cls, request_id: str, artifact: Artifact) -> Self:
        """The answer whose work the artifact records."""
        latency_ms = round(artifact.latency_ms, 1)
        return cls(
            request_id=request_id,
            payload=artifact.output_payload or {},
            metadata=Provenance(
                artifact_id=artifact.id,
                model_id=artifact.model_id,
                model_version=artifact.model_version,
                latency_ms=latency_ms,
            ),
            model_version=artifact.model_version,
            processing_time_ms=latency_ms,
        )


class ErrorBody(Wire):
    """Every error of every path has this shape."""

    request_id: str
    status: Literal["error"] = "error"
    payload: Mapping[str, Any] = Field(default_factory=dict)
    error: str = Field(description="One sentence a person can act on.")
    detail: str = Field(description="The same sentence.")
    code: str = Field(examples=["invalid_image"])
    retryable: bool = Field(description="Whether the same request may work later.")

    @classmethod
    def of(cls, error: ServiceError, request_id: str) -> Self:
        """The body that tells of the error."""
        return cls(
            request_id=request_id,
            error=error.message,
            detail=error.message,
            code=error.code,
            retryable=error.retryable,
        )


class AttemptBody(Wire):
    """One attempt at a job."""

    number: int
    started_at: str
    ended_at: str | None
    outcome: str | None
    error_code: str | None
    error_message: str | None

    @classmethod
    def of(cls, attempt: PastAttempt) -> Self:
        """The attempt as a caller sees it."""
        ended_at = rfc3339(attempt.ended_at) if attempt.ended_at else None
        started_at = rfc3339(attempt.started_at)
        return cls(**{**vars(attempt), "started_at": started_at, "ended_at": ended_at})


class JobBody(Wire):
    """A job."""

    id: str = Field(examples=["job_019ab4d7c1e27c3fb0a4d1f0c2b7a9e1"])
    job_id: str
    tenant_id: str
    user_id: str | None
    request_id: str
    feature: str
    status: JobStatus
    attempt: int
    max_attempts: int
    progress: float
    progress_detail: Mapping[str, Any] | None = Field(
        description="What a running job has so far: of a plan its objective, bound and gap."
    )
    input_payload: Mapping[str, Any] = Field(description="Images are replaced by references.")
    output_payload: Mapping[str, Any] | None = Field(description="The result; null in lists.")
    error_message: str | None
    error_code: str | None
    retryable: bool | None
    model_id: str | None
    model_version: str | None
    created_at: str
    started_at: str | None
    finished_at: str | None
    next_attempt_at: str | None
    latency_ms: float | None = Field(description="From submission to the end.")
    cost: float | None
    artifact_id: str | None
    attempts: Sequence[AttemptBody] | None = Field(description="Null in lists.")

    @classmethod
    def of(
        cls,
        job: Job,
        output: Mapping[str, Any] | None = None,
        attempts: Sequence[PastAttempt] | None = None,
    ) -> Self:
        """The job as a caller sees it."""
        took = job.finished_at - job.created_at if job.finished_at else None
        return cls(
            id=job.id,
            job_id=job.id,
            tenant_id=job.tenant_id,
            user_id=job.user_id,
            request_id=job.request_id,
            feature=job.feature,
            status=job.status,
            attempt=job.attempt,
            max_attempts=job.max_attempts,
            progress=job.progress,
            progress_detail=job.progress_detail,
            input_payload=job.input_payload,
            output_payload=output,
            error_message=job.error_message,
            error_code=job.error_code,
            retryable=by_code(job.error_code).retryable if job.error_code else None,
            model_id=job.model_id,
            model_version=job.model_version,
            created_at=rfc3339(job.created_at),
            started_at=rfc3339(job.started_at) if job.started_at else None,
            finished_at=rfc3339(job.finished_at) if job.finished_at else None,
            next_attempt_at=rfc3339(job.due_at) if job.status is JobStatus.QUEUED else None,
            latency_ms=round(took.total_seconds() * 1000, 1) if took else None,
            cost=None,
            artifact_id=job.artifact_id,
            attempts=None if attempts is None else [AttemptBody.of(one) for one in attempts],
        )


class JobPage(Wire):
    """Some of the jobs, newest first."""

    jobs: Sequence[JobBody]
    total: int = Field(description="Of all that match.")
    limit: int
    offset: int


class ArtifactBody(Wire):
    """What went into a model and what came out."""

    id: str
    artifact_id: str
    tenant_id: str
    user_id: str | None
    feature: str
    request_id: str
    job_id: str | None
    status: Literal["success", "error"]
    input_payload: Mapping[str, Any]
    output_payload: Mapping[str, Any] | None
    error_code: str | None
    error_message: str | None
    model_id: str | None
    model_version: str | None
    latency_ms: float
    created_at: str

    @classmethod
    def of(cls, artifact: Artifact) -> Self:
        """The artifact as a caller sees it."""
        return cls(
            id=artifact.id,
            artifact_id=artifact.id,
            tenant_id=artifact.tenant_id,
            user_id=artifact.user_id,
            feature=artifact.feature,
            request_id=artifact.request_id,
            job_id=artifact.job_id,
            status="success" if artifact.success else "error",
            input_payload=artifact.input_payload,
            output_payload=artifact.output_payload,
            error_code=artifact.error_code,
            error_message=artifact.error_message,
            model_id=artifact.model_id,
            model_version=artifact.model_version,
            latency_ms=round(artifact.latency_ms, 1),
            created_at=rfc3339(artifact.created_at),
        )


class ArtifactPage(Wire):
    """Some of the artifacts, newest first."""

    artifacts: Sequence[ArtifactBody]
    total: int = Field(description="Of all that match.")
    limit: int
    offset: int


#: For the OpenAPI document: the errors that any path may answer with.
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorBody, "description": description}
    for status, description in {
        400: "The input can never work: bad_request, missing_tenant, tenant_mismatch, …",
        404: "There is no such thing for this tenant.",
        409: "The request contradicts what is already there.",
        413: "Over a limit, which is named.",
        422: "A field is missing or of the wrong kind; its path is named.",
        429: "This tenant is over its share; see Retry-After.",
        500: "A bug; the log holds the rest under the request_id.",
        503: "Busy, or a part is down; see Retry-After.",
        504: "The work ran out of its time limit.",
    }.items()
}


def tenant_of(request: Request, in_body: str | None = None) -> str:
    """The one tenant that the body, the X-Tenant-ID header and the query agree on.

    Raises MissingTenant and TenantMismatch.
    """
    said = {
        in_body,
        request.headers.get("x-tenant-id"),
        request.query_params.get("tenant_id"),
    } - {None, ""}
    if not said:
        raise MissingTenant
    if len(said) > 1:
        raise TenantMismatch
    tenant = str(said.pop())
    if len(tenant) > 200 or not tenant.isprintable() or tenant.isspace():
        raise MissingTenant("The tenant must be printable text of at most 200 characters.")
    request.state.log["tenant_id"] = tenant
    return tenant


def request_id_of(request: Request, in_body: str | None = None) -> str:
    """The envelope's request_id, else the X-Request-ID of this request, sent or made."""
    if in_body is not None:
        request.state.request_id = in_body
    return str(request.state.request_id)


def rfc3339(moment: datetime) -> str:
    """UTC with a Z, to the microsecond."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def validation_message(faults: Iterable[Any], *, prefix: str = "") -> str:
    """The first few faults that pydantic found, each with its field's path, never its value."""
    sentences = []
    for fault in faults:
        path = ".".join([prefix, *(str(part) for part in fault["loc"] if part != "body")])
        sentences.append(
            f"{path.strip('.')[:200] or 'body'}: {fault['msg'].removeprefix('Value error, ')[:300]}"
        )
    shown = "; ".join(sentences[:5])
    return f"{shown}; and {len(sentences) - 5} more." if len(sentences) > 5 else f"{shown}."
