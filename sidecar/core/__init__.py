"""Shared by every other package: errors, settings, logs, metrics, traces, safe URL fetching."""
