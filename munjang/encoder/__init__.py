"""Networks of transformers run faster, with the same answers: no padding, fewer passes over the weights."""
