"""Grocery names into the caller's own categories."""
