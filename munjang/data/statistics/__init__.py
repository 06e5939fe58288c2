"""What is in a corpus: the numbers on its card."""
