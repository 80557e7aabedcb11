"""From an integer network to the text of its program: readers of the observation, units, tables, names, comments."""
