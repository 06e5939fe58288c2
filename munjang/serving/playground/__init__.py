"""The web page for people, and the routes that it needs."""
