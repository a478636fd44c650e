"""Text embedding: models, their batches and their cache."""
