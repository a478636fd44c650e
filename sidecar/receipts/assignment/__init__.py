"""The likeliest roles that add up: which total, which items, and how sure that is."""
