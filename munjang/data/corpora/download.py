"""Downloads original files from the addresses of their makers, and checks their checksums."""

from __future__ import annotations

import http.client
import logging
import urllib.request
from pathlib import Path

from munjang.data.corpora.checksums import check_sha256
from munjang.data.corpora.schema import CorpusRow, Original
from munjang.errors import FetchError
from munjang.files import cache_root, first_line, whole_file

log = logging.getLogger("munjang")

TIMEOUT_S = 30


def folder(row: CorpusRow) -> Path:
    """Where the original files of a corpus are kept: MUNJANG_CACHE, else the user's cache folder."""
    return cache_root() / row.folder


def cached_originals(row: CorpusRow) -> list[Path]:
    """The original files that were downloaded before."""
    return [path for original in row.originals if (path := folder(row) / original.name).is_file()]


def fetch_originals(row: CorpusRow) -> list[Path]:
    """All original files of a corpus; those that are not in the cache yet are downloaded."""
    return [fetch_file(original, folder(row)) for original in row.originals]


def fetch_file(original: Original, target: Path) -> Path:
    """One file; a download gets its name only when it is complete."""
    path = target / original.name
    if path.is_file():
        return path
    log.info("Downloading %s", original.url)
    with whole_file(path) as temporary:
        try:
            with urllib.request.urlopen(original.url, timeout=TIMEOUT_S) as answer:
                content = answer.read()
            target.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(content)
        except (http.client.HTTPException, OSError) as error:  # HTTPException: the connection was cut
            raise FetchError(f"{original.url} ({first_line(error)})") from error
        if original.sha256:
            check_sha256(temporary, original.sha256)
    return path
