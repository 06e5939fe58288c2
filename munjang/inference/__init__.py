"""A trained model in use: one text, many texts, files."""
