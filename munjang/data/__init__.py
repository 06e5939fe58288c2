"""Corpora: read, known by name, cleaned, split, counted."""
