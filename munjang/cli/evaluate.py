"""`munjang evaluate`."""


def evaluate() -> None:
    """(being written)"""
