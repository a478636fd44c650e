"""Receipts the project draws for itself, with exact labels: shops print, a camera spoils."""
