"""`munjang predict`."""


def predict() -> None:
    """(being written)"""
