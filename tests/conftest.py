"""Shared fixtures: the folder of real corpora, where there is one."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder with real corpora (MUNJANG_DATA, else ../shared/data beside the checkout); skips where absent."""
    folder = Path(os.environ.get("MUNJANG_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not (folder / "nsmc").is_dir():
        pytest.skip(f"no real corpora at {folder}; set MUNJANG_DATA to a folder that holds them")
    return folder


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """A cache of the tests' own: nothing is taken from the user's, and nothing left there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MUNJANG_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def small_disk():
    """A limit of 20,000 bytes a file stands in for a full disk: both end as an OSError of write."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.fixture(scope="session")
def tiny_parser(tmp_path_factory):
    """A parser of 32 dimensions that knows the ten trees of tests/support/parsers.py by heart."""
    pytest.importorskip("torch")
    from parsers import train_tiny

    return train_tiny(tmp_path_factory.mktemp("parser") / "ten")
