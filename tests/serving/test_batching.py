"""Requests wait in a bounded queue, share batches fairly, and leave the queue when nobody waits for them."""

import asyncio
import http.client
import json
import logging
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
from served import served

import munjang as mj
from munjang.serving import batching
from munjang.serving.batching import BatchQueue
from munjang.serving.metrics import Metrics
from munjang.serving.models import open_models
from munjang.serving.settings import Limits, Overloaded, Settings


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    mj.train(mj.load_corpus("sample:topic"), mj.TrainConfig(backbone="linear"), out=root / "topic")
    return root / "topic"


class Held:
    """A real model whose batches wait for `let`; `batches` are the texts of each."""

    def __init__(self, folder):
        self.models = open_models([str(folder)])
        self.model = self.models.loaded["topic"]
        self.own_run, self.model.run = self.model.run, self.run
        self.let, self.begun, self.batches = threading.Event(), threading.Semaphore(0), []

    def run(self, texts):
        self.batches.append(list(texts))
        self.begun.release()
        assert self.let.wait(20)
        return self.own_run(texts)


@pytest.fixture
def held(folder):
    return Held(folder)


def queue_of(held, **limits):
    settings = Settings(limits=Limits(**{"texts": 1, **limits}), wait_s=limits.pop("wait_s", 0))
    return BatchQueue(held.model, settings, ThreadPoolExecutor(1), Metrics())


def shape(rows):
    return str(rows.logits.shape).encode()


async def until(condition):
    for _ in range(2_000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came to that")


def answered(held, scenario, **limits):
    """Run `scenario(batch_queue)` beside a queue that serves; at its end the queue is closed."""

    async def main():
        batch_queue = queue_of(held, **limits)
        serving = asyncio.create_task(batch_queue.serve())
        try:
            return await asyncio.wait_for(scenario(batch_queue), 20)
        finally:
            held.let.set()
            batch_queue.close()
            await asyncio.wait_for(serving, 20)
            batch_queue.executor.shutdown()

    return asyncio.run(main())


def test_what_comes_while_a_batch_runs_is_answered_together(held):
    async def scenario(batch_queue):
        tasks = [asyncio.create_task(batch_queue.answer(["하나"], shape))]
        await until(lambda: held.batches)
        tasks += [asyncio.create_task(batch_queue.answer([f"글 {n}"], shape)) for n in range(20)]
        await until(lambda: batch_queue.waiting == 20)
        held.let.set()
        return await asyncio.gather(*tasks)

    assert answered(held, scenario) == [b"(1, 7)"] * 21
    assert [len(batch) for batch in held.batches] == [1, 20]


def test_a_large_request_delays_a_small_one_by_a_turn_only(held, monkeypatch):
    monkeypatch.setattr(batching, "BATCH_CHARACTERS", 600)  # some 40 texts
    order = []

    async def scenario(batch_queue):
        first = asyncio.create_task(batch_queue.answer(["글"], shape))
        await until(lambda: held.batches)

        async def ask(name, texts):
            body = await batch_queue.answer(texts, shape)
            order.append(name)
            return body

        large = asyncio.create_task(ask("large", [f"큰 요청의 글 {n:03}" for n in range(200)]))
        await until(lambda: batch_queue.waiting == 200)
        small = asyncio.create_task(ask("small", ["작은 글"]))
        await until(lambda: batch_queue.waiting == 201)
        held.let.set()
        return await asyncio.gather(first, large, small)

    assert answered(held, scenario)[1:] == [b"(200, 7)", b"(1, 7)"]
    assert order == ["small", "large"]
    assert held.batches[1].index("작은 글") == batching.TURN
    texts = [text for batch in held.batches for text in batch if text.startswith("큰")]
    assert texts == [f"큰 요청의 글 {n:03}" for n in range(200)], "none lost, none twice, in order"


def test_the_answers_of_a_request_cut_into_batches_come_in_order(held, monkeypatch):
    monkeypatch.setattr(batching, "BATCH_CHARACTERS", 60)
    held.let.set()
    texts = [f"축구 경기 {n} {'결승 ' * (n % 5)}" for n in range(50)]
    expected = held.own_run(texts).logits

    async def scenario(batch_queue):
        return await batch_queue.answer(texts, lambda rows: rows.logits.astype(np.float32).tobytes())

    found = np.frombuffer(answered(held, scenario), np.float32).reshape(50, 7)
    assert len(held.batches) > 5 and found == pytest.approx(expected, abs=1e-5)


def test_past_the_bound_of_the_queue_there_is_no_room(held):
    async def scenario(batch_queue):
        tasks = [asyncio.create_task(batch_queue.answer(["첫"], shape))]
        await until(lambda: held.batches)
        tasks += [asyncio.create_task(batch_queue.answer(["글"] * 2, shape)) for _ in range(2)]
        await until(lambda: batch_queue.waiting == 4)
        with pytest.raises(Overloaded, match=r"4 texts are waiting for topic; there is room for 1 more of 5"):
            await batch_queue.answer(["글"] * 2, shape)
        assert batch_queue.waiting == 4
        tasks.append(asyncio.create_task(batch_queue.answer(["글"], shape)))
        held.let.set()
        await asyncio.gather(*tasks)
        assert batch_queue.waiting == 0
        return batch_queue.metrics.text()

    assert 'munjang_turned_away_total{reason="queue"} 1' in answered(held, scenario, queue=5)


def test_who_no_longer_waits_leaves_the_queue_and_is_never_run(held):
    async def scenario(batch_queue):
        first = asyncio.create_task(batch_queue.answer(["첫"], shape))
        await until(lambda: held.batches)
        tasks = [asyncio.create_task(batch_queue.answer([f"떠남 {n}"] * 5, shape)) for n in range(4)]
        stays = asyncio.create_task(batch_queue.answer(["남음"], shape))
        await until(lambda: batch_queue.waiting == 21)
        for task in tasks:
            task.cancel()
        await until(lambda: batch_queue.waiting == 1)
        first.cancel()  # its batch is running; nothing else may suffer by it
        held.let.set()
        return await stays

    assert answered(held, scenario) == b"(1, 7)"
    assert held.batches == [["첫"], ["남음"]]


def test_a_batch_that_fails_is_tried_request_by_request(held, caplog):
    held.let.set()

    def failing(texts):
        if any("나쁜" in text for text in texts):
            raise RuntimeError("나쁜 비밀")
        return held.own_run(texts)

    held.model.run = failing

    async def scenario(batch_queue):
        asks = (batch_queue.answer([text], shape) for text in ("좋은 글", "나쁜 글", "다른 글"))
        found = await asyncio.gather(*asks, return_exceptions=True)
        return [*found, await batch_queue.answer(["그 뒤"], shape)]

    found = answered(held, scenario)
    assert [found[0], found[2], found[3]] == [b"(1, 7)"] * 3 and isinstance(found[1], RuntimeError)
    assert "topic failed on a batch: RuntimeError" in caplog.text and "비밀" not in caplog.text


def test_an_answer_that_cannot_be_written_fails_alone(held):
    held.let.set()

    def broken(rows):
        raise ZeroDivisionError

    async def scenario(batch_queue):
        return await asyncio.gather(
            batch_queue.answer(["가"], broken), batch_queue.answer(["나"], shape), return_exceptions=True
        )

    found = answered(held, scenario)
    assert isinstance(found[0], ZeroDivisionError) and found[1] == b"(1, 7)"


def test_a_single_client_is_not_made_to_wait_for_others(held):
    held.let.set()

    async def scenario(batch_queue):
        batch_queue.settings = Settings(wait_s=0.5)
        began = time.perf_counter()
        for _ in range(4):
            await batch_queue.answer(["글"], shape)
        return time.perf_counter() - began

    assert answered(held, scenario) < 0.5


def test_a_batch_waits_for_the_others_of_a_crowd(held):
    async def scenario(batch_queue):
        batch_queue.settings = Settings(wait_s=1)
        held.let.set()
        batch_queue.crowd = 3
        first = asyncio.create_task(batch_queue.answer(["하나"], shape))
        await asyncio.sleep(0.05)
        assert not held.batches
        began = time.perf_counter()
        await asyncio.gather(first, batch_queue.answer(["둘"], shape), batch_queue.answer(["셋"], shape))
        return time.perf_counter() - began

    assert answered(held, scenario) < 0.7
    assert held.batches == [["하나", "둘", "셋"]]


def test_closing_finishes_what_was_accepted(held):
    async def scenario(batch_queue):
        tasks = [asyncio.create_task(batch_queue.answer(["글"], shape))]
        await until(lambda: held.batches)
        tasks += [asyncio.create_task(batch_queue.answer([f"글 {n}"], shape)) for n in range(4)]
        await until(lambda: batch_queue.waiting == 4)
        batch_queue.close()
        with pytest.raises(Overloaded, match="stopping"):
            await batch_queue.answer(["새 글"], shape)
        held.let.set()
        return await asyncio.gather(*tasks)

    assert answered(held, scenario) == [b"(1, 7)"] * 5


def raw_request(server, body):
    """A connection with a request sent, and nothing read."""
    place = urlsplit(server.url)
    raw = json.dumps(body).encode()
    connection = socket.create_connection((place.hostname, place.port), 20)
    connection.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(raw), raw))
    return connection


def wait_for(server, line, value):
    """Wait until /metrics shows the value; it is answered outside the model's thread."""
    for _ in range(1_000):
        if server.number(line) == value:
            return
        time.sleep(0.01)
    raise AssertionError(f"{line} is {server.number(line)}, expected {value}")


WAITING = 'munjang_waiting_texts{model="topic"}'


def test_a_full_queue_answers_503_and_clients_that_leave_make_room(held):
    with served(held.models, limits=Limits(queue=4, texts=4)) as server:
        connections = [raw_request(server, {"inputs": "첫"})]
        assert held.begun.acquire(timeout=20)
        connections += [raw_request(server, {"inputs": [["가"], ["나"]]}) for _ in range(2)]
        wait_for(server, WAITING, 4)
        status, headers, body = server.ask("/predict", {"inputs": "더"})
        assert (status, body["error_type"]) == (503, "Overloaded") and int(headers["retry-after"]) >= 1
        for connection in connections[1:]:
            connection.close()
        wait_for(server, WAITING, 0)
        assert server.number("munjang_clients_gone_total") == 2
        held.let.set()
        assert server.ask("/predict", {"inputs": "더"}).status == 200
        assert connections[0].recv(100).startswith(b"HTTP/1.1 200")
        connections[0].close()


def test_too_many_requests_under_way_are_turned_away_unread(held, caplog):
    with served(held.models, limits=Limits(queue=2, texts=1)) as server:
        slow = []
        for _ in range(2):  # bodies that never come take no more than their place
            slow.append(socket.create_connection(urlsplit(server.url).netloc.split(":"), 20))
            slow[-1].sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{")
        wait_for(server, "munjang_requests_under_way", 3)  # with the one that asks
        assert server.ask("/predict", {"inputs": "가"}).status == 503
        assert server.ask("/health").status == 200
        for connection in slow:
            connection.close()
        wait_for(server, "munjang_requests_under_way", 1)
        assert server.number("munjang_clients_gone_total") == 2 and caplog.text == ""
        held.let.set()
        assert server.ask("/predict", {"inputs": "가"}).status == 200


def test_a_request_has_a_timeout_and_its_place_is_freed(held):
    with served(held.models, limits=Limits(timeout_s=0.4)) as server:
        first = raw_request(server, {"inputs": "첫"})
        assert held.begun.acquire(timeout=20)
        began = time.perf_counter()
        status, _, body = server.ask("/predict", {"inputs": "둘"})
        assert time.perf_counter() - began < 10
        assert (status, body["error_type"]) == (504, "Timeout") and "within 0.4 seconds" in body["error"]
        wait_for(server, WAITING, 0)
        slow = socket.create_connection(urlsplit(server.url).netloc.split(":"), 20)
        slow.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{")
        assert slow.recv(100).startswith(b"HTTP/1.1 504")
        held.let.set()
        first.close()
        slow.close()


def test_bodies_together_are_bounded(held):
    with served(held.models, limits=Limits(body_bytes=1_000, timeout_s=10)) as server:
        body = json.dumps({"inputs": "가" * 160}).encode()
        room, slow = 32_000 // len(body), []
        for place in range(40):
            connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=20)
            connection.putrequest("POST", "/predict")
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders()
            connection.send(body if place % 2 else body[:-1])  # half of them are not even complete
            slow.append(connection)
            wait_for(server, "munjang_requests_under_way", 1 + min(place + 1, room))
        wait_for(server, 'munjang_requests_total{route="/predict",status="503"}', 40 - room)
        for connection in slow[:room:2]:
            connection.send(body[-1:])
        held.let.set()
        statuses = [connection.getresponse().status for connection in slow]
        assert statuses == [200] * room + [503] * (40 - room)
        assert server.ask("/predict", body).status == 200, "what was answered is no longer kept"


def test_a_stopping_server_answers_what_it_has_accepted(held):
    with served(held.models) as server:
        connections = [raw_request(server, {"inputs": f"글 {n}"}) for n in range(6)]
        assert held.begun.acquire(timeout=20)
        wait_for(server, "munjang_requests_under_way", 7)
        server.server.should_exit = True
        time.sleep(0.3)
        place = urlsplit(server.url)
        with pytest.raises(OSError):
            socket.create_connection((place.hostname, place.port), 2).close()
        held.let.set()
        for connection in connections:
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
            connection.close()


def test_texts_are_logged_only_if_the_settings_say_so(held, caplog):
    caplog.set_level(logging.DEBUG)
    held.let.set()
    own_run = held.own_run

    def failing(texts):
        if "터짐 비밀" in texts:
            raise ValueError(f"cannot read {texts}")
        return own_run(texts)

    with served(held.models) as server:
        server.ask("/predict", {"inputs": "비밀\n글"})
        held.own_run = failing
        status, _, body = server.ask("/predict", {"inputs": "터짐 비밀"})
        assert status == 500 and "비밀" not in body["error"]
        server.ask("/predict", {"inputs": ["비밀", "비밀"]})
        server.ask("/%EB%B9%84%EB%B0%80?q=%EB%B9%84%EB%B0%80")
    assert "ValueError" in caplog.text
    assert "비밀" not in caplog.text and "%EB%B9%84" not in caplog.text
    with served(held.models, log_texts=True) as server:
        server.ask("/predict", {"inputs": "비밀\n글"})
    (line,) = [record.getMessage() for record in caplog.records if "비밀" in record.getMessage()]
    assert line.startswith('topic ["비밀\\n글"] -> [{"label":')


def test_a_dead_queue_makes_the_server_unhealthy(held):
    with served(held.models) as server:
        assert server.ask("/health").status == 200
        held.models.loaded["topic"].cost = None  # what cannot happen, happens inside the queue itself
        raw_request(server, {"inputs": "가"}).close()
        for _ in range(500):
            if server.ask("/health").status == 503:
                return
            time.sleep(0.01)
        raise AssertionError("/health never told")
