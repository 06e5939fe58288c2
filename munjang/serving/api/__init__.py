"""What clients send and what they get, route by route."""
