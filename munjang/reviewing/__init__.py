"""Labels that look wrong, by the probabilities of models that have not seen their rows."""
