"""Tetris with placement actions: rules, a numba kernel beside a readable twin, concepts, and the environment."""
