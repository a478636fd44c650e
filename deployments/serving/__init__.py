"""Calls between deployments: clients over Serve handles, error mapping, status and metrics."""
