"""`munjang corpora`."""


def corpora() -> None:
    """(being written)"""
