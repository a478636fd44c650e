"""All errors that a caller can receive.

Each class has its HTTP status, its `code` on the wire, and whether retrying the same request can
help; a subclass inherits what it doesn't name. The class docstring is the default message. Errors
cross process boundaries by pickle; job rows store the `code`, from which `by_code` finds the class.
"""

from typing import ClassVar


class ServiceError(Exception):
    """Something went wrong inside the service."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = True

    def __init__(self, message: str | None = None, *, retry_after_s: int | None = None) -> None:
        """Create the error; `retry_after_s` is sent as the Retry-After header."""
        self.message = message or (self.__doc__ or self.code).strip()
        self.retry_after_s = retry_after_s
        super().__init__(self.message)

    def __init_subclass__(
        cls, *, status: int | None = None, code: str | None = None, retryable: bool | None = None
    ) -> None:
        cls.status = status or cls.status
        cls.code = code or cls.code
        cls.retryable = cls.retryable if retryable is None else retryable

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.retry_after_s))


class BadRequest(ServiceError, status=400, code="bad_request", retryable=False):
    """The request is invalid."""


class MissingTenant(BadRequest, code="missing_tenant"):
    """Name a tenant: tenant_id in the body of a POST, the X-Tenant-ID header of a GET."""


class TenantMismatch(BadRequest, code="tenant_mismatch"):
    """The tenant in the header and the tenant in the request differ."""


class InvalidImage(BadRequest, code="invalid_image"):
    """The image is damaged or empty and can't be decoded."""


class UnsupportedImage(BadRequest, code="unsupported_image"):
    """The file is not in an image format that this service reads."""


class UnreadablePdf(BadRequest, code="unreadable_pdf"):
    """The PDF is damaged or encrypted."""


class BlockedUrl(BadRequest, code="blocked_url"):
    """The URL's address is private or reserved; SIDECAR_SSRF_ALLOWED_NETWORKS may allow it."""


class CrossSite(BadRequest, code="cross_site"):
    """The form was sent from another site; open the page itself and try again."""


class ClientDisconnected(BadRequest, code="client_left"):
    """The client disconnected before the response was ready."""


class Unauthorized(ServiceError, status=401, code="unauthorized", retryable=False):
    """Send one of the service's tokens, as Authorization: Bearer TOKEN."""


class Forbidden(ServiceError, status=403, code="forbidden", retryable=False):
    """This is the operator's: a call for a tenant can't do it."""


class NotFound(ServiceError, status=404, code="not_found", retryable=False):
    """Not found."""


class MethodNotAllowed(ServiceError, status=405, code="method_not_allowed", retryable=False):
    """This path does not support that method."""


class RequestTimeout(ServiceError, status=408, code="request_timeout"):
    """The request's body arrived too slowly."""


class Conflict(ServiceError, status=409, code="conflict", retryable=False):
    """The request conflicts with the current state."""


class TooLarge(ServiceError, status=413, code="too_large", retryable=False):
    """The request is over a size limit."""


class WrongHost(ServiceError, status=421, code="wrong_host", retryable=False):
    """This service has no such name; use its address, or name it in SIDECAR_ALLOWED_HOSTS."""


class ValidationFailed(ServiceError, status=422, code="validation_error", retryable=False):
    """A field is missing or has the wrong type."""


class TooManyRequests(ServiceError, status=429, code="too_many_requests"):
    """This tenant is over its share; try again later."""


class Overloaded(ServiceError, status=503, code="overloaded"):
    """The service is busy; try again shortly."""


class ModelUnavailable(Overloaded, code="model_unavailable"):
    """A model that this request needs is not available."""


class DatabaseUnavailable(Overloaded, code="database_unavailable"):
    """The database does not answer; nothing was lost."""


class StorageUnavailable(Overloaded, code="storage_unavailable"):
    """The data folder can't be read or written; nothing was accepted."""


class WorkerDied(ServiceError):
    """The worker process died."""


class OutOfMemory(ServiceError, status=413, code="out_of_memory", retryable=False):
    """The work needs more memory than it may use."""


class DeadlineExceeded(ServiceError, status=504, code="timeout"):
    """The work exceeded its time limit."""


def from_code(code: str | None, message: str | None) -> ServiceError:
    """Return the error that a job row recorded; an unknown code is an internal error."""
    return by_code(code)(message)


def by_code(code: str | None) -> type[ServiceError]:
    """Return the error class of a code, ServiceError for an unknown one."""
    return CODES.get(code or "", ServiceError)


def _subclasses(root: type[ServiceError]) -> list[type[ServiceError]]:
    return [root, *(leaf for child in root.__subclasses__() for leaf in _subclasses(child))]


def _rebuild(kind: type[ServiceError], message: str, retry_after_s: int | None) -> ServiceError:
    return kind(message, retry_after_s=retry_after_s)


#: Every code on the wire, with its class.
CODES = {kind.code: kind for kind in reversed(_subclasses(ServiceError))}
