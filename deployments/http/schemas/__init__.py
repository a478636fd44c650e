"""The bodies that cross HTTP, as pydantic models."""
