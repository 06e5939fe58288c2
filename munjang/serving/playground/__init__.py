"""The page for people, and what it asks of the server."""
