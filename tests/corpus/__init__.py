"""Synthetic receipts with exact labels: shops print them, and a simulated camera degrades them."""
