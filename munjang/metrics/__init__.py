"""Scores from counts, calibration, and how sure a score is."""
