"""Hybrid search over the documents of one request."""
