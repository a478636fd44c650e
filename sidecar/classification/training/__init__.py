"""Training of the name model: examples and fitting; not used by the service."""
