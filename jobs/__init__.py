"""Durable background work: storage, the job queue, the job types' tasks, and maintenance."""
