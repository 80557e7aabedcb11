"""Trained agents: read without running anything, opened as named layers, and written back as SB3 zips."""
