"""Dates and numbers where a language of the pages differs from what Django brings for it."""
