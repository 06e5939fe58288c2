"""Cleaning a corpus: text steps, row filters, and the report of what they did."""
