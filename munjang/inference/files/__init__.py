"""A file in, the same rows with predictions out."""
