"""The shipped agents as data: one folder each with model.zip and card.toml, which is also its training recipe."""
