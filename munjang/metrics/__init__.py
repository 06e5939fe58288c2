"""Scores from counts, calibration, and the confidence interval of a score."""
