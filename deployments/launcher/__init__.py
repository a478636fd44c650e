"""Starts and stops the whole service on one machine: Ray, HAProxy and the deployments."""
