"""Kernel routes and forwarding."""
