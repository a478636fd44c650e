"""Tests of the real service as a child process, over HTTP and in a browser."""
