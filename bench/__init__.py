"""Programs that measure: each prints a table and is run as `python -m bench.<name>`."""
