"""Files in, the same rows with answers out."""
