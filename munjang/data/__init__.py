"""Corpora: reading, known corpora, cleaning, splits, statistics."""
