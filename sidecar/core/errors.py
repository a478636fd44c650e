"""Everything that can go wrong in front of a caller, once.

Each class names its HTTP status, its `code` on the wire and whether trying the same request again
can help. The class docstring is the sentence the caller reads when none is given. Errors cross
process borders by pickle, and job rows by `code`: `by_code` is the way back.
"""

from typing import ClassVar


class ServiceError(Exception):
    """Something went wrong inside the service."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = True

    def __init__(self, message: str | None = None, *, retry_after_s: int | None = None) -> None:
        """`retry_after_s` is sent as the Retry-After header."""
        self.message = message or (self.__doc__ or self.code).strip()
        self.retry_after_s = retry_after_s
        super().__init__(self.message)

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.retry_after_s))


class BadRequest(ServiceError):
    """The request can't work as it was sent."""

    status, code, retryable = 400, "bad_request", False


class MissingTenant(BadRequest):
    """Name a tenant: tenant_id in the body of a POST, the X-Tenant-ID header of a GET."""

    code = "missing_tenant"


class TenantMismatch(BadRequest):
    """The tenant in the header and the tenant in the request differ."""

    code = "tenant_mismatch"


class InvalidImage(BadRequest):
    """The image is damaged or empty and can't be decoded."""

    code = "invalid_image"


class UnsupportedImage(BadRequest):
    """The file is not an image of a kind this service reads."""

    code = "unsupported_image"


class UnreadablePdf(BadRequest):
    """The PDF is damaged or encrypted."""

    code = "unreadable_pdf"


class BlockedUrl(BadRequest):
    """The URL is not one this service may fetch."""

    code = "blocked_url"


class CrossSite(BadRequest):
    """The form was sent from another site; open the page itself and try again."""

    code = "cross_site"


class ClientDisconnected(BadRequest):
    """The client left before its answer was there."""

    code = "client_left"


class Unauthorized(ServiceError):
    """Send one of the service's tokens, as Authorization: Bearer TOKEN."""

    status, code, retryable = 401, "unauthorized", False


class NotFound(ServiceError):
    """There is no such thing for this tenant."""

    status, code, retryable = 404, "not_found", False


class MethodNotAllowed(ServiceError):
    """This path does not answer to that method."""

    status, code, retryable = 405, "method_not_allowed", False


class Conflict(ServiceError):
    """The request contradicts what is already there."""

    status, code, retryable = 409, "conflict", False


class TooLarge(ServiceError):
    """The request is over a size limit."""

    status, code, retryable = 413, "too_large", False


class ValidationFailed(ServiceError):
    """A field is missing or of the wrong kind."""

    status, code, retryable = 422, "validation_error", False


class TooManyRequests(ServiceError):
    """This tenant is over its share; try again later."""

    status, code = 429, "too_many_requests"


class Overloaded(ServiceError):
    """The service is busy; try again shortly."""

    status, code = 503, "overloaded"


class ModelUnavailable(Overloaded):
    """A model that this request needs is not available."""

    code = "model_unavailable"


class DatabaseUnavailable(Overloaded):
    """The database does not answer; nothing was lost."""

    code = "database_unavailable"


class StorageUnavailable(Overloaded):
    """The data folder can't be read or written; nothing was accepted."""

    code = "storage_unavailable"


class WorkerDied(ServiceError):
    """The process that did the work died."""


class DeadlineExceeded(ServiceError):
    """The work ran out of its time limit."""

    status, code = 504, "timeout"


def from_code(code: str | None, message: str | None) -> ServiceError:
    """The error a job row recorded; an unknown code is an internal error."""
    return by_code(code)(message)


def by_code(code: str | None) -> type[ServiceError]:
    """The class that a code belongs to."""
    return CODES.get(code or "", ServiceError)


def _subclasses(root: type[ServiceError]) -> list[type[ServiceError]]:
    return [root, *(leaf for child in root.__subclasses__() for leaf in _subclasses(child))]


def _rebuild(kind: type[ServiceError], message: str, retry_after_s: int | None) -> ServiceError:
    return kind(message, retry_after_s=retry_after_s)


#: Every code that can be on the wire, with its class.
CODES = {kind.code: kind for kind in reversed(_subclasses(ServiceError))}
