"""Exact rewrites of integer networks: fewer numbers, the same scores."""
