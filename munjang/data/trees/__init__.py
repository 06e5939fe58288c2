"""Dependency trees: files of them, their shapes, the names of relations, pictures."""
