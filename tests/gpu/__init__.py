"""Tests for a machine with GPUs."""
