"""What clients send and what they get, by route."""
