"""A server under fire: long heads, silent clients, hostile files, a signal in the middle; each ends in an answer."""

import http.client
import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("openpyxl")
from hostile_files import hostile
from linear_models import reviews
from openpyxl import Workbook
from served import served

from munjang.files import remove_abandoned, socket_files
from munjang.serving import connections, processes
from munjang.serving.playground import routes
from munjang.serving.settings import Limits

GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return reviews(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def server(folder):
    with served([str(folder)]) as found:
        yield found


def connect(server):
    place = urlsplit(server.url)
    return socket.create_connection((place.hostname, place.port), 20)


def sent(server, *parts):
    """Everything that comes back until the connection is closed: status, headers, body."""
    with connect(server) as connection:
        for part in parts:
            connection.sendall(part)
        return read_answer(connection)


def read_answer(connection):
    response = http.client.HTTPResponse(connection)
    response.begin()
    return response.status, response.headers, response.read()


def is_closed(connection):
    """Whether the server has closed a connection; waits for it."""
    connection.settimeout(10)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_a_head_over_64_kilobytes_is_refused_before_it_is_kept(server):
    long = b"x" * (connections.HEAD_BYTES - len(GET))
    heads = {
        "one header": (GET, b"A: " + long + long, b"\r\n\r\n"),
        "many headers": (GET, b"A: b\r\n" * 20_000, b"\r\n"),
        "an address": (b"GET /" + long + long, b" HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    }
    for name, parts in heads.items():
        status, headers, body = sent(server, *parts)
        assert (status, headers["connection"]) == (431, "close"), name
        assert json.loads(body)["error"] == "The headers are longer than 65,536 bytes, the limit of this server."
    status, headers, _ = sent(server, GET, b"A: " + long[:-1_000] + b"\r\nConnection: close\r\n\r\n")
    assert status == 200, "just under the limit"


def test_a_head_is_refused_before_its_end(server):
    with connect(server) as connection:
        connection.sendall(GET + b"A: ")
        for _ in range(5):
            connection.sendall(b"x" * connections.HEAD_BYTES)
        assert read_answer(connection)[0] == 431
        assert is_closed(connection)


def test_a_large_body_behind_a_request_is_no_long_head(server):
    body = json.dumps({"inputs": "정말 재밌어요 " * 500}).encode()
    request = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    last = request.replace(b"Host", b"Connection: close\r\nHost")
    with connect(server) as connection:
        connection.sendall(request * 10 + last[:60])
        time.sleep(0.1)
        connection.sendall(last[60:])
        answers = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert answers.count(b"HTTP/1.1 200 OK") == 11 == answers.count(b"HTTP/1.1")


def test_what_is_no_http_is_said_in_json(server):
    status, headers, body = sent(server, b"HELLO\r\n\r\n")
    assert (status, headers["connection"]) == (400, "close")
    assert json.loads(body) == {"error": "The request is not valid HTTP.", "error_type": "Validation"}


@pytest.mark.parametrize("lines", [b"", GET, GET + b"\r\n", GET + b"Content-Length: 9\r\n\r\nbody"])
def test_a_silent_connection_is_closed(server, monkeypatch, lines):
    monkeypatch.setattr(connections, "SILENT_S", 0.3)
    monkeypatch.setattr(server.server.config, "timeout_keep_alive", 0.3)
    with connect(server) as connection:
        connection.sendall(lines)
        if b"\r\n\r\n" in lines:
            assert connection.recv(4_000).startswith(b"HTTP/1.1 200")
        assert is_closed(connection)


def test_a_head_that_trickles_is_not_waited_for(server, monkeypatch):
    monkeypatch.setattr(connections, "SILENT_S", 0.4)
    with connect(server) as connection, pytest.raises(OSError):
        for _ in range(100):
            connection.sendall(b"G" if _ == 0 else b"E")
            time.sleep(0.05)
        pytest.fail("it was waited for")


def test_a_client_that_does_not_read_is_left(server, monkeypatch):
    monkeypatch.setattr(connections, "SILENT_S", 0.2)
    data = ("본문\n" + "정말 재밌어요 " * 40 + "\n") + ("정말 재밌어요 " * 40 + "\n") * 9_000
    body = data.encode()
    with connect(server) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        head = b"POST /playground/read?name=a.csv HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
        connection.sendall(head % len(body) + body)
        wait_until(lambda: server.server.server_state.connections)
        wait_until(lambda: not server.server.server_state.connections)


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_after_a_body_over_the_limit_the_connection_is_closed(folder):
    with served([str(folder)], limits=Limits(body_bytes=1_000)) as server:
        head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
        with connect(server) as connection:
            connection.sendall(head % 5_000 + b"x" * 5_000)
            status, headers, _ = read_answer(connection)
            assert (status, headers["connection"]) == (413, "close") and is_closed(connection)
        with connect(server) as connection, pytest.raises(OSError):
            connection.sendall(head % 10**12)
            for _ in range(2_000):  # 128 MB; some of it is dropped, so that a client may read the answer
                connection.sendall(b"x" * 64_000)


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (b"Host: localhost\r\nHost: localhost\r\n", 400),
        (b"Host: localhost\r\nhost: evil.example\r\n", 400),
        (b"Host: [::1].evil.com\r\n", 400),
        (b"Host: [::1]evil\r\n", 400),
        (b"Host: [::1\r\n", 400),
        (b"Host: a@localhost\r\n", 400),
        (b"Host: localhost:80:80\r\n", 400),
        (b"Host: localhost:evil\r\n", 400),
        (b"Host: local host\r\n", 400),
        (b"Host: localhost/\r\n", 400),
        (b"", 400),
        (b"Host: evil.com\r\n", 421),
        (b"Host: [::1]:8000\r\n", 200),
        (b"Host: LocalHost:\r\n", 200),
    ],
)
def test_there_is_one_host_and_it_is_a_name_or_an_address(server, lines, status):
    found, _, body = sent(server, b"GET /health HTTP/1.1\r\n" + lines + b"Connection: close\r\n\r\n")
    assert found == status, body


def test_a_server_by_any_name_takes_one_host_too(folder):
    with served([str(folder)], host="0.0.0.0") as server:
        url = server.url.replace("0.0.0.0", "127.0.0.1")
        for lines, status in ((b"Host: a\r\nHost: b\r\n", 400), (b"Host: any.example\r\n", 200)):
            request = b"GET /health HTTP/1.1\r\n" + lines + b"Connection: close\r\n\r\n"
            assert sent(server._replace(url=url), request)[0] == status


def test_head_is_answered_like_get_without_a_body(server):
    for path in ("/", "/health", "/models", "/models/reviews", "/models/reviews/card", "/playground/main.js", "/docs",
                 "/metrics", "/openapi.json", "/nowhere", "/predict"):  # fmt: skip
        got, head = server.ask(path), server.ask(path, method="HEAD")
        assert head.status == got.status and not head.body, path
        same = ("content-type", "content-security-policy", "allow")
        assert [head.headers[name] for name in same] == [got.headers[name] for name in same], path
        if path != "/metrics":
            assert head.headers["content-length"] == got.headers["content-length"], path


# Files, each in a process of its own.


@pytest.fixture
def under_attack(server, folder, monkeypatch):
    assert upload(server, "a.csv").status == 200  # the first file waits for the process that all others fork from
    monkeypatch.setattr(routes, "read_upload", hostile)
    with served([str(folder)], limits=Limits(timeout_s=20)) as found:
        yield found


def upload(server, name, data=b"text\nx\n", **options):
    return server.ask(f"/playground/read?name={name}", data, **options)


def test_a_file_is_read_in_a_process_of_its_own(under_attack):
    first, second = (upload(under_attack, "a.csv").body["rows"][0] for _ in range(2))
    assert len({os.getpid(), first[0], second[0]}) == 3
    wait_until(lambda: not any(Path("/proc", str(pid)).exists() for pid in (first[0], second[0])))


def test_a_file_that_takes_all_memory_or_kills_its_reader_takes_nothing_else_along(under_attack):
    for name in ("memory.csv", "crash.csv"):
        answer = upload(under_attack, name)
        assert answer.status == 422, answer.body
        assert answer.body["error"] == (
            f"{name} could not be processed here: it takes more memory or time than this server allows. "
            "Send a part of it, or use munjang predict."
        )
    answer = upload(under_attack, "error.csv")
    assert answer.status == 500 and "비밀" not in answer.body["error"]
    assert under_attack.ask("/predict", {"inputs": "좋아요"}).status == 200


def test_a_file_that_never_ends_is_left_at_the_time_limit(under_attack, folder, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with served([str(folder)], limits=Limits(timeout_s=1)) as impatient:
        answer = upload(impatient, "loop.csv")
        assert answer.status == 504 and "within 1 seconds" in answer.body["error"]
        wait_until(lambda: not list(tmp_path.iterdir()))


def test_who_leaves_ends_the_reading_of_his_file(under_attack, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with connect(under_attack) as connection:
        connection.sendall(
            b"POST /playground/read?name=loop.csv HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"
        )
        wait_until(lambda: list(tmp_path.iterdir()))
    wait_until(lambda: not list(tmp_path.iterdir()))


def test_a_workbook_that_unpacks_without_end_is_refused(server):
    book, stream = Workbook(), io.BytesIO()
    book.active.append(["text"])
    book.save(stream)
    packed = io.BytesIO()
    with zipfile.ZipFile(stream) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for item in source.infolist():
            data = source.read(item)
            if item.filename.endswith("sheet1.xml"):
                rows = b"<row><c t='inlineStr'><is><t>x</t></is></c></row>" * 30_000
                data = data.replace(b"</sheetData>", rows + b"</sheetData>")
            target.writestr(item, data)
    answer = upload(server, "bomb.xlsx", packed.getvalue())
    assert len(packed.getvalue()) < 1_000_000 and answer.status == 413, answer.body
    assert server.ask("/health").status == 200


# The end of a server.


@contextmanager
def blocked(server):
    """Within the block, the server's event loop does nothing: what comes waits in the system."""
    loop = server.server.servers[0].get_loop()
    entered, go_on = threading.Event(), threading.Event()
    loop.call_soon_threadsafe(lambda: (entered.set(), go_on.wait(20)))
    assert entered.wait(20)
    yield
    go_on.set()


def test_what_came_before_the_signal_is_answered(folder):
    with served([str(folder)]) as server:
        kept = [connect(server) for _ in range(8)]
        for connection in kept:
            connection.sendall(GET + b"\r\n")
            assert connection.recv(4_000).startswith(b"HTTP/1.1 200")
        body = json.dumps({"inputs": "좋아요"}).encode()
        request = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        with blocked(server):
            fresh = [connect(server) for _ in range(8)]
            for connection in kept + fresh:
                connection.sendall(request)
            server.server.should_exit = True
        for connection in kept + fresh:
            assert read_answer(connection)[0] == 200
            connection.close()


def test_a_server_stops_in_time_and_leaves_no_file(under_attack, folder, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    statuses = []
    with served([str(folder)], limits=Limits(timeout_s=2)) as server:
        threads = [
            threading.Thread(target=lambda: statuses.append(upload(server, "loop.csv").status)) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(list(tmp_path.iterdir())) >= processes.AT_ONCE)
    for thread in threads:
        thread.join()
    assert statuses == [504] * 4 and list(tmp_path.iterdir()) == []


KILLED = """
from hostile_files import hostile
from munjang.serving.processes import FileProcess, FileProcesses, FileWork
from munjang.serving.settings import Limits
FileProcesses(Limits())
FileProcess(FileWork(hostile, "litter.csv", b"text"), Limits()).run()
"""


def test_the_file_of_a_killed_server_is_deleted_by_its_own_process_which_ends_too(tmp_path):
    paths = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    server = subprocess.Popen(
        [sys.executable, "-c", KILLED], env={**os.environ, "PYTHONPATH": paths, "TMPDIR": str(tmp_path)}
    )
    try:
        wait_until(lambda: len(list(tmp_path.glob(".munjang.*/*"))) == 2)
        (child,) = (int(path.name) for path in tmp_path.glob(".munjang.*/*") if path.suffix == "")
        (sockets,) = socket_files().parent.glob(f".m.*_{server.pid}_*")
        assert [path.name.partition("-")[0] for path in sockets.iterdir()] == ["listener"]
        assert sockets.stat().st_mode & 0o777 == 0o700
    finally:
        server.kill()
        server.wait()
    wait_until(lambda: not Path(f"/proc/{child}").exists())
    assert list(tmp_path.iterdir()) == []
    remove_abandoned(socket_files())  # as the next server does
    assert not sockets.exists()
