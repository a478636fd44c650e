"""Matches line items to the caller's catalog."""
