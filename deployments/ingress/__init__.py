"""The public HTTP API: the FastAPI application and what surrounds every request."""
