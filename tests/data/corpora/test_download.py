"""Original files: fetched whole or not at all."""

import socketserver
import threading

import pytest

from munjang.data.corpora.download import fetch_file
from munjang.data.corpora.schema import Original
from munjang.errors import FetchError


class Cut(socketserver.StreamRequestHandler):
    """Promises a hundred bytes and hangs up after five."""

    def handle(self):
        self.rfile.readline()
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")


class Nonsense(socketserver.StreamRequestHandler):
    """Answers in no language of the web."""

    def handle(self):
        self.rfile.readline()
        self.wfile.write(b"hello\r\n")


@pytest.mark.parametrize("answer", [Cut, Nonsense])
def test_a_connection_that_is_cut_is_one_line_and_leaves_nothing(tmp_path, answer):
    with socketserver.TCPServer(("127.0.0.1", 0), answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/x.txt"
        with pytest.raises(FetchError, match=r"x\.txt \(.+\)") as caught:
            fetch_file(Original("train", url), tmp_path)
        server.shutdown()
    assert "\n" not in str(caught.value).strip() and not list(tmp_path.iterdir())
