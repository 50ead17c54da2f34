"""Measures of rankings, of probabilities and of exposure; one family a module."""
