"""Builds the FastAPI application: routes, error handlers and middleware."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from deployments.dashboard import job_list, review, usage
from deployments.dashboard import router as dashboard
from deployments.dashboard.services import DashboardServices
from deployments.ingress.auth import TokenAuthenticator
from deployments.ingress.errors import handle_exception
from deployments.ingress.hosts import HostChecker
from deployments.ingress.middleware import RequestContextMiddleware
from deployments.ingress.openapi.document import openapi_builder
from deployments.ingress.routes import (
    artifacts,
    categorization,
    chat,
    docs,
    embeddings,
    feedback,
    health,
    ingredients,
    job_events,
    jobs,
    meal_plans,
    models,
    openai_embeddings,
    queues,
    receipts,
    recipes,
    search,
    shopping_lists,
    tenants,
    webhooks,
)
from deployments.ingress.services import Services
from jobs.queue.queue import utc_now
from sidecar.core.errors import ServiceError
from sidecar.core.ids import new_id

DESCRIPTION = """Reads receipts, categorizes groceries, embeds and searches texts, plans meals and
chats for a grocery planner. Send the tenant as `tenant_id` in the body or in the header
`X-Tenant-ID`. Only HTTP 200 means success. Every error has the same shape, except below `/v1`,
which follows OpenAI's API."""

_ROUTES = (
    receipts,
    categorization,
    embeddings,
    search,
    meal_plans,
    ingredients,
    recipes,
    shopping_lists,
    chat,
    models,
    openai_embeddings,
    jobs,
    job_events,
    webhooks,
    queues,
    artifacts,
    feedback,
    tenants,
    health,
    docs,
)


def build_app(services: Services, dashboard_services: DashboardServices) -> FastAPI:
    """Return the application, which serves requests."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        sampling = asyncio.create_task(dashboard_services.models.run())
        yield
        sampling.cancel()
        await asyncio.gather(sampling, return_exceptions=True)

    app = documented_app(
        services.version, tokens=bool(services.settings.api_tokens), lifespan=lifespan
    )
    app.state.services = services
    app.state.dashboard = dashboard_services
    app.include_router(dashboard.root_router)
    app.include_router(dashboard.router)
    app.include_router(job_list.router)
    app.include_router(review.router)
    app.include_router(usage.router)
    for exception_type in (ServiceError, RequestValidationError, HTTPException):
        app.add_exception_handler(exception_type, handle_exception)
    app.add_middleware(
        RequestContextMiddleware,
        authenticate=TokenAuthenticator(services.settings.api_tokens).authenticate,
        check_host=HostChecker(services.settings.allowed_hosts).check,
        max_body_bytes=services.settings.max_body_bytes,
        new_request_id=lambda: new_id("req_", utc_now()),
        meter=services.meter,
        drain_gate=services.drain_gate,
    )
    return app


def documented_app(
    version: str,
    *,
    tokens: bool,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None,
) -> FastAPI:
    """Return the API's routes and their OpenAPI document, without the services behind them."""
    app = FastAPI(
        lifespan=lifespan,
        title="Grocery side-car",
        version=version,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
    )
    for routes in _ROUTES:
        app.include_router(routes.router)
    app.openapi = openapi_builder(app, tokens=tokens)  # type: ignore[method-assign]
    return app
