"""The model folder, and where a network starts from."""
