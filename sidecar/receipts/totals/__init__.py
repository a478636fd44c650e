"""Finds total, subtotal and tax, and reconciles them with the items."""
