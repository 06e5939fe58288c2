"""kill -9 of a server while files come in: the next one deletes what is left of them."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
from linear_models import reviews
from served import process

KILLS = 30
ROWS = "번호,본문\n" + "".join(f"{number},정말 재미있게 봤어요\n" for number in range(3_000))


def send_until_it_dies(url: str) -> None:
    """Send a file again and again."""
    place = urlsplit(url)
    try:
        while True:
            connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=20)
            connection.request("POST", "/playground/read?name=a.csv", ROWS.encode())
            connection.getresponse().read()
            connection.close()
    except (OSError, http.client.HTTPException):
        pass


def appears(folder: Path, seconds: float = 5) -> bool:
    """Whether a file that was sent lies in the folder before the time is over; returns as soon as it does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if any(folder.rglob("*.csv")):
            return True
    return False


def test_what_a_killed_server_had_on_the_disk_goes_when_the_next_one_starts(
    tmp_path: Path, figures: Callable[..., None]
) -> None:
    folder, temporary, luck, with_files = reviews(tmp_path), tmp_path / "temporary", random.Random(1), 0
    temporary.mkdir()
    for __ in range(KILLS):
        with process(folder, TMPDIR=str(temporary)) as (server, url):
            assert list(temporary.iterdir()) == []
            sending = threading.Thread(target=send_until_it_dies, args=[url])
            sending.start()
            with_files += appears(temporary)
            time.sleep(luck.uniform(0, 0.02))
            server.kill()
            sending.join()
    with process(folder, TMPDIR=str(temporary)):
        assert list(temporary.iterdir()) == []
    figures("kill -9, munjang serve", kills=KILLS, with_files=with_files)
    assert with_files > KILLS / 2
