"""Training of the receipt model: labels, made-up receipts and the network; not used by the service."""
