"""Shared fixtures: the folder of real corpora, where there is one; a cache; a small disk; a parser; Korean texts."""

import os
from io import BytesIO
from pathlib import Path

import pytest

os.environ["MUNJANG_LANG"] = "en"  # whatever the machine speaks; before munjang is imported

PO = """
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=1; plural=0;\\n"

msgid "Unknown label '{label}'."
msgstr "알 수 없는 라벨 '{label}'입니다."

msgid "{count:,} row of {file}"
msgid_plural "{count:,} rows of {file}"
msgstr[0] "{file}의 {count:,}행"

msgid "Written for munjang; comes with the package."
msgstr "문장을 위해 썼으며 패키지에 들어 있습니다."
"""


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


@pytest.fixture
def korean(tmp_path, monkeypatch):
    """A Korean catalogue with three texts; English again afterwards."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    from munjang import translation

    file = tmp_path / "ko" / "LC_MESSAGES" / "munjang.mo"
    file.parent.mkdir(parents=True)
    with file.open("wb") as stream:
        write_mo(stream, read_po(BytesIO(PO.encode()), locale="ko"))
    monkeypatch.setattr(translation, "CATALOGUES", tmp_path)
    translation.set_language("ko")
    yield
    translation.set_language("en")
