"""The job types: what a job of each type does, the registry of all types, and the Ray tasks."""
