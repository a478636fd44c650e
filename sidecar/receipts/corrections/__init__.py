"""A tenant's corrections of receipts: what they teach, and what they change."""
