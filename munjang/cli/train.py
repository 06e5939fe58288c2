"""`munjang train`."""


def train() -> None:
    """(being written)"""
