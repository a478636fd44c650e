"""Chaos tests: the real service under injected faults, and its invariants afterwards."""
