"""Leaves proved for all inputs: by truth table, by one normal form of text and unit, or by a solver."""
