"""Tests of autoscaling on GPUs that Ray only counts."""
