"""Meal plans: request schemas, the optimization problem, solvers, responses, worker processes."""
