"""A stand-in for callers' own tests: every endpoint with canned answers, and faults on request."""
