"""A web server for models."""
