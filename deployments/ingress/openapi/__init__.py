"""The OpenAPI document: what FastAPI derives from the routes, completed."""
