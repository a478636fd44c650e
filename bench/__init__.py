"""Benchmark programs: each prints tables and runs as `python -m bench.<name>`."""
