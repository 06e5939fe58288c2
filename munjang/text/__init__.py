"""What is done to one text: cleaning steps, personal data, vocabularies, n-grams."""
