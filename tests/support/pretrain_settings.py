"""The settings of the smallest pre-training that learns something."""

TINY = {
    "size": "2x64", "vocabulary": 1500, "max_length": 32, "batch_tokens": 1024, "steps": 60, "learning_rate": 3e-3,
    "log_every": 5, "eval_every": 30, "save_every": 20, "validation_share": 0.1, "precision": "fp32",
}  # fmt: skip
