"""Dependency trees: their files, their shapes, the names of relations, triples and pictures."""
