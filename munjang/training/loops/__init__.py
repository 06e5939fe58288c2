"""The two training loops and what they share: batches, schedules, checkpoints, the log."""
