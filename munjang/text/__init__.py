"""Steps for one text: cleaning, personal data, vocabularies, n-grams."""
