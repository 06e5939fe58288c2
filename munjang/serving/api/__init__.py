"""What clients send and what they get, route by route; route reads bodies, bodies checks them."""
