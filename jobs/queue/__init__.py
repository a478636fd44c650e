"""The durable job queue: submission, admission, claims, fair scheduling, the worker, webhooks."""
