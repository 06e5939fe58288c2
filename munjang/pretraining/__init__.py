"""From raw texts to a BERT of one's own."""
