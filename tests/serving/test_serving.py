"""The server answers as clients of the hub and of text-embeddings-inference expect, and says what is wrong."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("sklearn")
pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
from heads_models import HEADS, TEXTS, save_heads
from huggingface_hub import InferenceClient
from linear_models import several_labels
from served import served

import munjang as mj
from munjang.errors import BundleError, ConfigError, UnknownName
from munjang.export.run import export_model
from munjang.serving.models import open_models
from munjang.serving.settings import Limits, Settings, checked_key

LONG = "배송이 늦어요 " * 40
FULL = [text for text in TEXTS if text]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """An exported network with many heads, and linear models with one and with several labels per text."""
    root = tmp_path_factory.mktemp("models")
    export_model(save_heads(root / "native"), "onnx", root / "onnx")
    mj.train(mj.load_corpus("sample:topic"), mj.TrainConfig(backbone="linear"), out=root / "topic")
    several_labels(root)
    return root


@pytest.fixture(scope="module")
def server(folders):
    with served([str(folders / "onnx"), str(folders / "topic"), f"욕={folders / 'several'}"]) as found:
        yield found


def scores_of(pairs):
    return {pair["label"]: pair["score"] for pair in pairs}


def test_the_hubs_client_gets_the_models_own_scores(server, folders):
    expected = mj.load(folders / "onnx" / "sentiment").predict(TEXTS[0])
    found = InferenceClient(model=server.url).text_classification(TEXTS[0])
    assert [element.label for element in found] == list(expected.scores)
    assert {element.label: element.score for element in found} == pytest.approx(expected.scores, abs=1e-6)
    hate = mj.load(folders / "onnx" / "hate").predict(TEXTS[0])
    (best,) = InferenceClient(model=f"{server.url}/models/onnx/hate").text_classification(TEXTS[0], top_k=1)
    assert (best.label, best.score) == (hate.label, pytest.approx(hate.score, abs=1e-6))


def test_the_hubs_client_may_choose_the_function(server):
    client = InferenceClient(model=f"{server.url}/models/topic")
    raw = {e.label: e.score for e in client.text_classification("축구 경기", function_to_apply="none")}
    soft = {e.label: e.score for e in client.text_classification("축구 경기")}
    each = {e.label: e.score for e in client.text_classification("축구 경기", function_to_apply="sigmoid")}
    shares = np.exp(list(raw.values())) / np.exp(list(raw.values())).sum()
    assert soft == pytest.approx(dict(zip(raw, shares, strict=True)), abs=1e-5)
    assert each == pytest.approx({name: 1 / (1 + np.exp(-value)) for name, value in raw.items()}, abs=1e-5)


def test_lists_from_the_hubs_clients_get_a_list_for_each_text(server, folders):
    found = server.ask("/models/onnx/topic", {"inputs": FULL}).body
    expected = mj.load(folders / "onnx" / "topic").predict_many(FULL)
    assert [pairs[0]["label"] for pairs in found] == [answer.label for answer in expected]
    assert server.ask("/", {"inputs": FULL[:1]}).body == server.ask("/", {"inputs": FULL[0]}).body


def test_predict_answers_flat_for_one_text_and_nested_for_a_batch(server):
    flat = server.ask("/predict", {"inputs": "별로"}).body
    assert [sorted(pair) for pair in flat] == [["label", "score"]] * 2
    assert server.ask("/predict", {"inputs": ["별로"]}).body == flat
    assert server.ask("/predict", {"inputs": [["별로"]]}).body == [flat]
    batch = server.ask("/predict", {"inputs": [[text] for text in FULL], "truncate": None, "raw_scores": None}).body
    assert len(batch) == len(FULL) and batch[FULL.index("별로")] == flat


def test_a_sentence_pair_is_refused_with_what_to_send_instead(server):
    for inputs in (["a", "b"], [["a", "b"]], [["a"], ["b", "c"]]):
        status, _, body = server.ask("/predict", {"inputs": inputs})
        assert (
            status == 422 and "takes single sentences" in body["error"] and '[["first"], ["second"]]' in body["error"]
        )
    assert server.ask("/", {"inputs": {"text": "a", "text_pair": "b"}}).status == 422


def test_scores_are_the_softmax_of_the_raw_scores(server):
    raw = scores_of(server.ask("/models/onnx/hate/predict", {"inputs": "별로", "raw_scores": True}).body)
    soft = scores_of(server.ask("/models/onnx/hate/predict", {"inputs": "별로"}).body)
    shares = np.exp(list(raw.values())) / np.exp(list(raw.values())).sum()
    assert soft == pytest.approx(dict(zip(raw, shares, strict=True)), abs=1e-5)
    assert sum(raw.values()) != pytest.approx(1, abs=1e-3)


def test_a_text_too_long_is_cut_unless_truncate_is_false(server):
    assert server.ask("/predict", {"inputs": LONG}).status == 200
    status, _, body = server.ask("/predict", {"inputs": [["좋아요"], [LONG]], "truncate": False})
    assert (status, body["error_type"]) == (422, "Validation")
    assert body["error"].startswith("inputs[1] is longer than the 64 tokens that the model takes")


def test_analyze_gives_all_heads_in_one_pass(server, folders):
    before = server.number('munjang_texts_total{model="onnx"}')
    found = server.ask("/analyze", {"inputs": TEXTS}).body
    assert server.number('munjang_texts_total{model="onnx"}') == before + len(TEXTS)
    for own, expected in zip(found, mj.Analyzer(folders / "onnx").analyze_many(TEXTS), strict=True):
        assert own["note"] == expected.note and list(own["answers"]) == list(HEADS)
        for head, answer in own["answers"].items():
            assert answer["label"] == expected[head].label
            assert answer["scores"] == pytest.approx(expected[head].scores, abs=1e-6)
            assert answer["score"] == pytest.approx(expected[head].score, abs=1e-6)
    one = server.ask("/models/onnx/analyze", {"inputs": "별로", "tasks": ["topic", "hate"]}).body
    assert list(one["answers"]) == ["topic", "hate"]
    assert list(server.ask("/models/onnx/hate/analyze", {"inputs": "별로"}).body["answers"]) == ["hate"]


def test_a_head_served_alone_answers_as_in_its_model(server, folders):
    expected = mj.load(folders / "onnx" / "hate").predict_many(FULL)
    with served([f"alone={folders / 'onnx' / 'hate'}"]) as alone:
        found = alone.ask("/", {"inputs": FULL}).body
        raw = alone.ask("/", {"inputs": FULL, "parameters": {"function_to_apply": "none"}}).body
        assert list(alone.ask("/analyze", {"inputs": "별로"}).body["answers"]) == ["hate"]
    for pairs, answer in zip(found, expected, strict=True):
        assert scores_of(pairs) == pytest.approx(answer.scores, abs=1e-6)
    same = server.ask("/models/onnx/hate", {"inputs": FULL, "parameters": {"function_to_apply": "none"}}).body
    assert [scores_of(pairs) for pairs in raw] == [pytest.approx(scores_of(pairs), abs=1e-5) for pairs in same]


def test_models_with_several_labels_a_text_keep_their_threshold(server, folders):
    expected = mj.load(folders / "several").predict("욕설 비난 3")
    found = server.ask("/models/%EC%9A%95/analyze", {"inputs": "욕설 비난 3"})
    assert found.status == 200
    answer = found.body["answers"]["욕"]
    assert tuple(answer["label"]) == expected.label and len(answer["label"]) == 2
    assert answer["scores"] == pytest.approx(expected.scores, abs=1e-6)
    pairs = server.ask("/models/%EC%9A%95/predict", {"inputs": "욕설 비난 3"}).body
    assert scores_of(pairs) == pytest.approx(expected.scores, abs=1e-6)


def test_a_request_may_ask_for_a_precision(server, folders):
    topic = mj.load(folders / "topic")
    texts = [*FULL, "국회 예산안 통과", ""]
    target = next(t for t in (0.9, 0.8, 0.7, 0.6, 0.5) if topic.held_out.selection(t))
    body = {"inputs": texts, "min_precision": target}
    found = server.ask("/models/topic/analyze", body).body
    expected = topic.predict_many(texts, min_precision=target)
    for answer, prediction in zip(found, expected, strict=True):
        head = answer["answers"]["topic"]
        assert (head["label"], head["suggested"], head["reason"]) == (
            prediction.label, prediction.suggested, prediction.reason,
        )  # fmt: skip
    for wrong in ("0.9", True, [0.9], {"경제": "0.9"}, {"경제": None}, 0, 1e-17):
        refused = server.ask("/models/topic/analyze", {"inputs": "가", "min_precision": wrong})
        assert refused.status == 422 and "min_precision" in refused.body["error"], wrong
    unknown = server.ask("/models/topic/analyze", {"inputs": "가", "min_precision": {"없음": 0.9}})
    assert unknown.status == 422 and unknown.body["error"].startswith("topic: Unknown label '없음'")
    plain = server.ask("/models/topic/analyze", {"inputs": texts}).body
    assert [one["answers"]["topic"]["label"] for one in plain] == [one.label for one in topic.predict_many(texts)]
    assert {one["answers"]["topic"]["reason"] for one in plain} == {"", "empty", "out of scope"}


def test_what_there_is_is_listed(server):
    found = server.ask("/models").body
    assert found["default"] == "onnx/sentiment"
    assert [model["name"] for model in found["models"]] == ["onnx", "topic", "욕"]
    assert [head["model"] for head in found["models"][0]["heads"]] == [f"onnx/{head}" for head in HEADS]
    one = server.ask("/models/onnx/hate").body
    assert (one["labels"], one["max_length"], one["corpus"]) == (list(HEADS["hate"][0]), 64, "kor_hate")
    assert server.ask("/health").body == {"status": "ok"}
    assert server.ask("/").body["models"][:2] == ["onnx", "topic"]


def test_the_page_of_routes_shows_them_all_and_needs_no_network(server):
    paths = server.ask("/openapi.json").body["paths"]
    page = server.ask("/docs").body
    assert {"/", "/predict", "/analyze", "/models", "/health", "/metrics"} <= set(paths)
    assert all(f"{method.upper()} {path}<" in page for path, methods in paths.items() for method in methods)
    assert re.findall(r"https?://|<script", page) == []


def test_metrics_are_in_prometheus_text_format(server):
    server.ask("/predict", {"inputs": "별로"})
    status, headers, text = server.ask("/metrics")
    assert status == 200 and headers["content-type"].startswith("text/plain; version=0.0.4")
    sample = re.compile(r'[a-z_]+(\{[a-z_]+="[^"\n]*"(,[a-z_]+="[^"\n]*")*\})? [-+0-9.e]+')
    lines = text.splitlines()
    assert [line for line in lines if not line.startswith("# ") and not sample.fullmatch(line)] == []
    typed = {line.split()[2]: line.split()[3] for line in lines if line.startswith("# TYPE")}
    assert typed["munjang_requests_total"] == "counter" and typed["munjang_request_seconds"] == "histogram"
    buckets = [
        line for line in lines if line.startswith("munjang_request_seconds_bucket") and 'route="/predict"' in line
    ]
    counts = [float(line.rpartition(" ")[2]) for line in buckets]
    assert counts == sorted(counts) and 'le="+Inf"' in buckets[-1]
    assert server.number('munjang_request_seconds_count{route="/predict"}') >= counts[-1] > 0
    assert server.number("process_resident_memory_bytes") > 1e7


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/", b'{"inputs": "\xff"}', 422, "not UTF-8: byte 13 is 0xff"),
        ("/", b"", 422, "The body is empty"),
        ("/", b"[1", 422, "The body is not JSON: Expecting ',' delimiter at character 3"),
        ("/", b"[" * 100_000, 422, "nested too deep"),
        ("/", b'{"inputs": ' + b"1" * 5_000 + b"}", 422, "it has a number that is too long"),
        ("/", ["좋아요"], 422, "The body is a list of 1; send an object"),
        ("/", {"text": "좋아요"}, 422, "no key 'inputs' with the text; it has 'text'"),
        ("/", {"inputs": None}, 422, "inputs is null; expected a text or a list of texts"),
        ("/", {"inputs": 3}, 422, "inputs is a number"),
        ("/", {"inputs": []}, 422, "inputs is an empty list"),
        ("/", {"inputs": ["좋아요", None]}, 422, "inputs[1] is null; expected a text"),
        ("/", {"inputs": ["좋아요", True]}, 422, "inputs[1] is true; expected a text"),
        ("/", {"inputs": "\ud83d"}, 422, "inputs has half a surrogate pair at character 1"),
        ("/", {"inputs": ["좋아요", " \t "]}, 422, "inputs[1] has nothing in it to classify"),
        ("/", {"inputs": "가" * 301}, 422, "inputs has 301 characters; this server takes at most 300"),
        ("/", {"inputs": ["가"] * 9}, 422, "inputs has 9 texts; this server takes at most 8"),
        ("/predict", {"inputs": [["가"]] * 9}, 422, "inputs has 9 texts; this server takes at most 8"),
        ("/predict", {"inputs": []}, 422, "inputs is an empty list"),
        ("/predict", {"inputs": [[]]}, 422, "inputs[0] is a list of 0; expected a one-element list"),
        ("/predict", {"inputs": [["가"], "나"]}, 422, "inputs[1] is a text; expected a one-element list"),
        ("/predict", {"inputs": ["가", "나", "다"]}, 422, "inputs is a list of 3"),
        ("/predict", {"inputs": [None]}, 422, "inputs[0] is null"),
        ("/predict", {"inputs": [["가"], [None]]}, 422, "inputs[1] is null"),
        ("/predict", {"inputs": "가", "raw_scores": "yes"}, 422, "raw_scores is a text; expected true or false"),
        ("/predict", {"inputs": "가", "truncate": 1}, 422, "truncate is a number"),
        ("/", {"inputs": "가", "parameters": []}, 422, "parameters is a list of 0; expected an object"),
        ("/", {"inputs": "가", "parameters": {"top_k": 0}}, 422, "top_k is 0; expected a whole number of at least 1"),
        ("/", {"inputs": "가", "parameters": {"top_k": True}}, 422, "top_k is true"),
        ("/", {"inputs": "가", "parameters": {"function_to_apply": "max"}}, 422, "one of softmax, sigmoid, none"),
        ("/", {"inputs": "가", "parameters": {"topk": 1}}, 422, "parameters has 'topk'; known are"),
        ("/analyze", {"inputs": "가", "tasks": []}, 422, "tasks is a list of 0; expected a list of names of heads"),
        ("/analyze", {"inputs": "가", "tasks": ["mood"]}, 404, "Unknown head of onnx 'mood'. Known: hate, sentiment"),
        ("/models/none/predict", {"inputs": "가"}, 404, "Unknown model 'none'. Known: onnx, onnx/hate"),
        ("/models/onnx/predict", {"inputs": "가"}, 422, "Name one of its heads: onnx/sentiment, onnx/hate"),
        ("/models/onnx/mood", {"inputs": "가"}, 404, "Unknown model 'onnx/mood'"),
        ("/models/..%2Ftopic/predict", {"inputs": "가"}, 404, "Unknown model '../topic'"),
        ("/models/..%2f..%2f..%2fetc%2fpasswd", None, 404, "Unknown model '../../../etc/passwd'"),
        ("/models//etc/passwd", None, 404, "Unknown model '/etc/passwd'"),
        ("/nowhere", None, 404, "There is nothing at this address"),
        ("/predict", None, 405, "This address does not take GET"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_in_json(folders, limited, path, body, status, message):
    answer = limited.ask(path, body)
    assert answer.status == status and message in answer.body["error"]
    assert sorted(answer.body) == ["error", "error_type"]


@pytest.fixture(scope="module")
def limited(folders):
    with served([str(folders / "onnx")], limits=Limits(characters=300, texts=8, body_bytes=200_000)) as found:
        yield found


def test_a_body_over_the_limit_is_refused_also_without_a_length(limited):
    big = json.dumps({"inputs": "가" * 200_000}).encode()
    assert len(big) > 200_000
    for body in (big, (big[i : i + 9_999] for i in range(0, len(big), 9_999))):
        answer = limited.ask("/", body, method="POST") if isinstance(body, bytes) else chunked(limited, body)
        assert answer.status == 413 and "longer than 200,000 bytes" in answer.body["error"]
    assert limited.ask("/", {"inputs": "좋아요"}).status == 200


def chunked(server, parts):
    """The answer to a body that is sent in parts, without its length."""
    import http.client
    from urllib.parse import urlsplit

    place = urlsplit(server.url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=20)
    connection.request("POST", "/", parts, encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
    response = connection.getresponse()
    body = json.loads(response.read())
    connection.close()
    return type(server.ask("/health"))(response.status, response.headers, body)


def test_the_hubs_client_shows_what_is_wrong(server):
    from huggingface_hub.errors import HfHubHTTPError

    with pytest.raises(HfHubHTTPError, match="has nothing in it to classify"):
        InferenceClient(model=server.url).text_classification(" ")


def test_a_native_folder_is_served_as_its_export_is(server, folders, tmp_path):
    plain = tmp_path / "plain"
    mj.train(mj.load_corpus("sample:topic"), mj.TrainConfig(backbone="scratch:tiny", epochs=1, seed=5), out=plain)
    with served([str(folders / "native"), str(plain)]) as torch_one:
        assert torch_one.ask("/models/native").body["format"] == "native"
        for text in TEXTS:
            expected = server.ask("/analyze", {"inputs": text}).body
            found = torch_one.ask("/analyze", {"inputs": text}).body
            assert found["note"] == expected["note"]
            for head, answer in expected["answers"].items():
                assert found["answers"][head]["scores"] == pytest.approx(answer["scores"], abs=1e-4)
        shares = torch_one.ask("/models/native/explain", {"inputs": TEXTS[5]}).body["answers"]["topic"]["shares"]
        exported = server.ask("/models/onnx/explain", {"inputs": TEXTS[5]}).body["answers"]["topic"]["shares"]
        assert shares == pytest.approx(exported, abs=1e-3)
        found = torch_one.ask("/models/plain/predict", {"inputs": [["축구 경기"], ["코스피"]]}).body
        expected = mj.load(plain).predict_many(["축구 경기", "코스피"])
        for own, wanted in zip(found, expected, strict=True):
            assert scores_of(own) == pytest.approx(wanted.scores, abs=1e-5)


def test_a_key_is_asked_for_where_there_is_one(folders):
    with served([str(folders / "topic")], api_key="열쇠-secret") as server:
        for header in ({}, {"authorization": "Bearer secret"}, {"authorization": "Bearer"}, {"authorization": "x"}):
            status, headers, body = server.ask("/predict", {"inputs": "가"}, **header)
            assert (status, headers["www-authenticate"], body["error_type"]) == (401, "Bearer", "Unauthorized")
        for path in ("/models", "/metrics", "/docs", "/openapi.json", "/models/topic", "/nowhere"):
            assert server.ask(path).status == 401
        assert server.ask("/", method="POST").status == 401
        assert server.ask("/health").status == 200
        assert server.ask("/").body["models"] == []
        key = "Bearer 열쇠-secret".encode().decode("latin-1")
        assert server.ask("/predict", {"inputs": "가"}, authorization=key).status == 200
        assert server.ask("/predict", {"inputs": "가"}, authorization=key.replace("Bearer", "bearer")).status == 200
    with served([str(folders / "topic")], api_key="secret") as server:
        assert len(InferenceClient(model=server.url, token="secret").text_classification("축구")) == 7


def test_other_sites_pages_may_ask_only_where_it_is_said(server, folders):
    asks = {"origin": "https://example.org", "access_control_request_method": "POST"}
    assert server.ask("/predict", method="OPTIONS", **asks).status == 405
    headers = server.ask("/predict", {"inputs": "가"}, origin="https://example.org").headers
    assert not [name for name in headers if name.lower().startswith("access-control")]
    with served([str(folders / "topic")], origins=["https://example.org"], api_key="k") as open_one:
        allowed = open_one.ask("/predict", method="OPTIONS", **asks)
        assert (allowed.status, allowed.headers["access-control-allow-origin"]) == (200, "https://example.org")
        other = open_one.ask("/predict", method="OPTIONS", **{**asks, "origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers
        refused = open_one.ask("/predict", {"inputs": "가"}, origin="https://example.org")
        assert refused.status == 401 and refused.headers["access-control-allow-origin"] == "https://example.org"


def test_many_clients_at_once_each_get_their_own_answer(server, folders):
    texts = [f"{text} {n}" for n in range(12) for text in FULL]
    expected = mj.Analyzer(folders / "onnx").analyze_many(texts)
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda text: server.ask("/analyze", {"inputs": text}).body, texts))
    for own, wanted in zip(found, expected, strict=True):
        assert own["answers"]["topic"]["scores"] == pytest.approx(wanted["topic"].scores, abs=1e-5)
    counts = [server.number(f'munjang_batch_texts_{part}{{model="onnx"}}') for part in ("sum", "count")]
    assert counts[0] > counts[1], "no two texts were ever answered together"


def test_models_are_called_by_their_folders_or_as_one_says(folders, tmp_path, monkeypatch):
    monkeypatch.chdir(folders / "topic")
    assert open_models(["."]).known == ["topic"]
    assert open_models([f"mine={folders / 'onnx' / 'hate'}"]).known == ["mine"]
    assert open_models([str(folders / "onnx" / "hate")]).known == ["onnx/hate"]
    both = [str(folders / "topic"), str(folders / "onnx")]
    assert open_models(both).default.name == "topic"
    assert open_models(both, default="onnx/topic").default.name == "onnx/topic"
    with pytest.raises(ConfigError, match=r"Two models would be called topic\. Give one another name: other="):
        open_models([str(folders / "topic"), f"topic={folders / 'several'}"])
    for name in ("a/b", "..", ""):
        with pytest.raises(ConfigError, match="should be NAME=FOLDER"):
            open_models([f"{name}={folders / 'topic'}"])
    with pytest.raises(UnknownName, match="Unknown model 'nsmc'"):
        open_models(both, default="nsmc")
    with pytest.raises(BundleError, match="No model folder"):
        open_models([str(tmp_path / "none")])


def test_pickled_weights_are_never_served(folders, tmp_path):
    (tmp_path / "config.json").write_text(
        '{"architectures": ["BertForSequenceClassification"], "model_type": "bert", "num_labels": 2}', encoding="utf-8"
    )
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04cos\nsystem\n.")
    with pytest.raises(BundleError, match="cannot be loaded"):
        open_models([str(tmp_path)])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Limits(queue=0), "queue is 0; it must be at least 1"),
        (lambda: Limits(texts=9, queue=8), "A request may have 9 texts, but only 8 texts may wait"),
        (lambda: Limits(timeout_s=0), "timeout_s is 0"),
        (lambda: Limits(timeout_s=float("nan")), "timeout_s is nan"),
        (lambda: Settings(port=70_000), "The port is 70000"),
        (lambda: Settings(wait_s=2), "would wait 2000 ms"),
        (lambda: Settings(origins=["example.org"]), "'example.org' is not an origin"),
        (lambda: Settings(origins=["https://example.org/x"]), "without a path"),
        (lambda: checked_key(""), "The API key is empty"),
        (lambda: checked_key("a b"), "has white space"),
    ],
)
def test_settings_out_of_range_are_refused(make, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        make()


def test_the_key_is_not_shown_with_the_settings():
    assert "secret" not in repr(Settings(api_key="secret"))
