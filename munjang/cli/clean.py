"""`munjang clean`."""


def clean() -> None:
    """(being written)"""
