"""Periodic and administrative work: retention, erasure of a tenant, and the queue's gauges."""
