"""Prediction with a trained model: one text, many texts, files."""
