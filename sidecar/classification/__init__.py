"""Classification of product names into the caller's own categories."""
