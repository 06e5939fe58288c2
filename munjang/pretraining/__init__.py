"""Pre-training: from raw texts to your own BERT."""
