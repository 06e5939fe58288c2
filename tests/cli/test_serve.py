"""`munjang serve` in processes of its own: how it starts, what it loads, how it ends."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
from heads_models import save_heads
from served import process
from typer.testing import CliRunner

from munjang.cli import app
from munjang.errors import BundleError, MunjangError
from munjang.export.run import export_model
from munjang.inference import heads
from munjang.serving.models import open_models

HEAVY = ("torch", "transformers", "sklearn", "pandas", "pyarrow", "huggingface_hub", "matplotlib", "datasets", "onnx")
REPORT = f"""
import json, os, signal, sys, threading, urllib.request
import munjang.serving.server as run

def ask(url):
    body = json.dumps({{"inputs": "좋아요"}}).encode()
    with urllib.request.urlopen(urllib.request.Request(url + "/analyze", body)) as answer:
        print(json.dumps(list(json.load(answer)["answers"])))
    print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]), flush=True)
    os.kill(os.getpid(), signal.SIGTERM)

own = run.address
def address(*args):
    url = own(*args)
    threading.Timer(0.3, ask, [url]).start()
    return url
run.address = address
from munjang.cli import main
main()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return export_model(save_heads(root / "native"), "onnx", root / "onnx").folder


def ask(url, body=None, **headers):
    raw = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, raw, headers), timeout=20) as answer:
        return json.load(answer)


def failed(*words, **environment):
    """The error of a command that does not get to serving, and its exit code, without a process of its own."""
    with pytest.raises(MunjangError) as caught:
        CliRunner().invoke(app, ["serve", *map(str, words)], env=environment, catch_exceptions=False)
    return caught.value.exit_code, str(caught.value)


def test_an_exported_model_is_served_without_torch_or_table_libraries(folder):
    done = subprocess.run(
        [sys.executable, "-c", REPORT, "serve", str(folder), "--port", "0"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    answers, loaded = map(json.loads, done.stdout.splitlines())
    assert answers == ["sentiment", "hate", "topic"]
    assert loaded == []


def test_without_a_model_the_packaged_one_is_served(folder, tmp_path):
    place = (
        f"import pathlib\nfrom munjang.inference import heads\nheads.PACKAGED_HEADS = pathlib.Path({str(folder)!r})\n"
    )
    place += "heads.PACKAGED_PARSER = heads.PACKAGED_HEADS / 'none'\n"
    code = REPORT.replace("from munjang.cli", f"{place}from munjang.cli")
    words = [sys.executable, "-c", code, "serve", "--port", "0"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Serving mini, mini/sentiment, mini/hate, mini/topic at http://127.0.0.1:" in done.stderr


def test_without_the_packaged_model_it_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(heads, "PACKAGED_HEADS", tmp_path)
    with pytest.raises(BundleError, match="lacks its packaged model 'mini'"):
        open_models([])


def test_it_listens_on_this_machine_alone_until_ctrl_c_which_is_no_failure(folder):
    with process(folder) as (child, url):
        assert url.startswith("http://127.0.0.1:") and "may ask" not in child.said
        assert ask(f"{url}/predict", {"inputs": "좋아요"})[0]["label"] in ("긍정", "부정")
        child.send_signal(signal.SIGINT)
        assert child.wait(20) == 0
        assert child.stderr.read().splitlines()[-1] == "Stopped."


def test_sigterm_lets_accepted_requests_finish(folder):
    texts = ["정말 재밌고 좋았어요 " * 6] * 256
    with process(folder) as (child, url):
        raw = json.dumps({"inputs": texts}).encode()
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), 20) as connection:
            connection.sendall(
                b"POST /analyze HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(raw), raw)
            )
            while not ask_number(url, "munjang_texts_total") and not ask_number(url, "munjang_waiting_texts"):
                time.sleep(0.001)
            child.send_signal(signal.SIGTERM)
            connection.settimeout(20)
            answer = b"".join(iter(lambda: connection.recv(65_536), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200") and len(json.loads(body)) == 256
        assert child.wait(20) == 0


def ask_number(url, name):
    with urllib.request.urlopen(f"{url}/metrics", timeout=20) as answer:
        lines = answer.read().decode().splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(name + "{")), 0.0)


def test_the_key_may_come_from_the_environment(folder):
    with process(folder, MUNJANG_API_KEY="secret") as (_, url):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            ask(f"{url}/predict", {"inputs": "좋아요"})
        assert ask(f"{url}/predict", {"inputs": "좋아요"}, authorization="Bearer secret")
    assert failed(folder, MUNJANG_API_KEY=" ") == (
        3, "The API key is empty or has white space. Leave it out for a server without a key.",
    )  # fmt: skip


def test_what_cannot_be_served_is_said_in_a_line(folder, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, line = failed(folder, "--port", port)
    assert code == 3 and line.startswith(f"The server cannot listen at 127.0.0.1, port {port}: ")
    assert failed(tmp_path / "none") == (5, f"No model folder {tmp_path / 'none'}.")
    assert failed(folder, "--default", "mood")[1].startswith("Unknown model 'mood'. Known: onnx, ")
    assert failed(folder, "--max-texts", 9, "--queue", 8)[0] == 3
    assert failed(folder, "--cors", "example.org")[1].startswith("'example.org' is not an origin")
    assert failed(folder, "--allow-host", "http://a")[1].startswith("'http://a' is not a host name")
    assert failed(folder, "--max-file", 9)[1] == "file_bytes is 9; it must be at least 64."
    assert failed(folder, "--host", "no such host")[1].startswith("--host 'no such host' is not an address")
    assert failed(folder, "--precision", "bf16")[0] == 3


def test_it_warns_where_everybody_may_ask(folder):
    with process(folder, "--host", "0.0.0.0") as (child, _):
        assert "Everyone who can reach http://0.0.0.0:" in child.said and "--api-key requires a key" in child.said


def test_without_the_web_packages_it_says_what_to_install(folder, monkeypatch):
    monkeypatch.setattr("munjang.errors.find_spec", lambda name: None)
    assert failed(folder) == (7, "More packages are needed for serving. Run: pip install 'munjang[serve]'")
