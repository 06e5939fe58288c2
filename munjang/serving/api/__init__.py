"""What clients send and what they get, route by route; requests reads bodies and limits them."""
