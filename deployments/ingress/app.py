"""The FastAPI application: the routers over the parts, and every error in the contract's shape."""

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from deployments.dashboard.router import dashboard_router
from deployments.ingress.auth import Tokens
from deployments.ingress.errors import answer
from deployments.ingress.middleware import RequestScope
from deployments.ingress.openapi import document
from deployments.ingress.routes.artifacts import artifacts_router
from deployments.ingress.routes.categorization import categories_router
from deployments.ingress.routes.chat import chat_router
from deployments.ingress.routes.embeddings import embeddings_router
from deployments.ingress.routes.feedback import feedback_router
from deployments.ingress.routes.health import health_router
from deployments.ingress.routes.jobs import jobs_router
from deployments.ingress.routes.meal_plans import plans_router
from deployments.ingress.routes.receipts import receipts_router
from deployments.ingress.routes.search import search_router
from deployments.ingress.routes.tenants import tenants_router
from deployments.ingress.services import Parts
from jobs.queue.queue import utc_now
from sidecar.core.errors import ServiceError
from sidecar.core.ids import new_id

DESCRIPTION = """Reads receipts, sorts groceries into categories, embeds and searches texts,
plans meals and chats for a grocery planner. Send the tenant as
`tenant_id` in a body or as the header `X-Tenant-ID`. Only HTTP 200 is success; every error has the
same shape, but below `/v1`, which speaks OpenAI's protocol."""


def build_app(parts: Parts) -> FastAPI:
    """The whole HTTP surface over the given parts."""
    app = FastAPI(
        title="Grocery side-car",
        version=parts.version,
        description=DESCRIPTION,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
    )
    for router in (
        receipts_router,
        categories_router,
        embeddings_router,
        search_router,
        plans_router,
        chat_router,
        jobs_router,
        artifacts_router,
        feedback_router,
        tenants_router,
        health_router,
        dashboard_router,
    ):
        app.include_router(router(parts))
    app.openapi = document(app, tokens=bool(parts.settings.api_tokens))  # type: ignore[method-assign]
    app.add_exception_handler(ServiceError, answer)
    app.add_exception_handler(RequestValidationError, answer)
    app.add_exception_handler(HTTPException, answer)
    app.add_middleware(
        RequestScope,
        admit=Tokens(parts.settings.api_tokens).admit,
        max_body_bytes=parts.settings.max_body_bytes,
        new_request_id=lambda: new_id("req_", utc_now()),
        meter=parts.meter,
        door=parts.door,
    )
    return app
