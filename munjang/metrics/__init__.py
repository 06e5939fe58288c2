"""Scores from counts, calibration, the confidence interval of a score, and the Report that holds them."""
