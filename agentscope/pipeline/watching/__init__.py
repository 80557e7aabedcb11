"""A run folder as something to watch: every decision of its exam, as plain documents for the page and the report."""
