"""What /openapi.json says is what the server takes and gives, route by route."""

import json
import re

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")
pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
from fastapi.routing import APIRoute
from linear_models import reviews
from pydantic import TypeAdapter
from served import served

from munjang.inference.heads import packaged
from munjang.serving.app import make_app
from munjang.serving.models import open_models
from munjang.serving.settings import Settings

TEXT = "배송이 정말 빨라요"
TABLE = {"kind": "csv", "columns": ["a"], "added": ["label"], "rows": [["가", "긍정"]]}
REQUESTS = {
    "/": [{"inputs": TEXT}, {"inputs": [TEXT, "별로"], "parameters": {"top_k": 1, "function_to_apply": "none"}}],
    "/predict": [{"inputs": TEXT}, {"inputs": [[TEXT], ["별로"]], "raw_scores": None, "truncate": True}],
    "/analyze": [{"inputs": TEXT, "tasks": ["hate"]}, {"inputs": [TEXT, " "]}],
    "/parse": [{"inputs": TEXT}, {"inputs": [TEXT, " "], "triples": True}],
    "/models/{name}": [{"inputs": TEXT}, {"inputs": [TEXT]}],
    "/models/{name}/predict": [{"inputs": [TEXT]}],
    "/models/{name}/analyze": [{"inputs": TEXT}],
    "/models/{name}/explain": [{"inputs": TEXT}, {"inputs": " ", "tasks": "hate"}],
    "/models/{name}/parse": [{"inputs": TEXT}],
    "/playground/table": [TABLE],
}
"""Address -> bodies that it takes. A named model is hate, or the parser."""


@pytest.fixture(scope="module")
def server(tiny_parser, tmp_path_factory):
    folder = reviews(tmp_path_factory.mktemp("models"))
    with served([str(packaged()), str(folder), f"dp={tiny_parser.folder}"]) as found:
        yield found


@pytest.fixture(scope="module")
def described(server):
    return server.ask("/openapi.json").body


def operations(described):
    return [(path, method, facts) for path, methods in described["paths"].items() for method, facts in methods.items()]


def app_of(server):
    return server.server.config.app


def address(path):
    return path.replace("{name}", "dp" if path.endswith("/parse") else "mini/hate")


def test_every_route_but_the_page_and_its_files_is_described(server, described):
    routes = {
        (route.path_format, method.lower())
        for route in app_of(server).routes
        if isinstance(route, APIRoute) and route.path != "/docs" and not re.search(r"\.(js|css)$", route.path)
        for method in route.methods
    }
    assert {(path, method) for path, method, _ in operations(described)} == routes
    assert {path for path, method, _ in operations(described) if method == "post"} == {*REQUESTS, "/playground/read"}


def test_every_route_says_what_it_takes_gives_and_refuses(described):
    schemas = described["components"]["schemas"]
    ids = [facts["operationId"] for *_, facts in operations(described)]
    assert len(set(ids)) == len(ids)
    for path, method, facts in operations(described):
        assert len(facts["tags"]) == 1 and facts["description"].endswith("."), path
        for kind, content in facts["responses"]["200"]["content"].items():
            assert content["schema"], (path, kind)
        if method == "post":
            ((kind, content),) = facts["requestBody"]["content"].items()
            assert content["schema"] and (kind == "application/json") == (path != "/playground/read")
            assert {"401", "404", "413", "422", "500", "503", "504"} <= set(facts["responses"]), path
        for status, answer in facts["responses"].items():
            if status != "200":
                assert answer["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/ErrorAnswer"}
    assert sorted(schemas["ErrorAnswer"]["required"]) == ["error", "error_type"]
    used = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(described)))
    assert used == set(schemas), "every schema is used, and every one that is named is there"


def test_the_examples_can_be_sent_as_they_are(server, described):
    sent = 0
    for path, _, facts in operations(described):
        content = facts.get("requestBody", {}).get("content", {}).get("application/json", {})
        name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
        for example in described["components"]["schemas"].get(name, {}).get("examples", ()):
            assert server.ask(address(path), example).status == 200, path
            sent += 1
    assert sent == 9
    assert "배송이 정말 빨라요" in server.ask("/docs").body and "raw_scores" in server.ask("/docs").body


def test_every_answer_has_the_form_that_is_described(server):
    checked = 0
    for route in app_of(server).routes:
        if not isinstance(route, APIRoute) or route.response_model is None:
            continue
        form, path = TypeAdapter(route.response_model), route.path_format
        asked = [json.dumps(body).encode() for body in REQUESTS.get(path, ())] if "POST" in route.methods else [None]
        where = {"/playground/read": "/playground/read?name=a.csv", "/models/{name}/card": "/models/reviews/card"}
        for body in asked or [b"text,label\n\xec\xa2\x8b\xec\x95\x84\xec\x9a\x94,1\nx\n"]:
            answer = server.ask(where.get(path, address(path)), body)
            assert answer.status == 200, (path, answer.body)
            read = form.validate_json(json.dumps(answer.body))
            assert json.loads(form.dump_json(read, exclude_unset=True)) == answer.body, path
            checked += 1
    assert checked == 22


def test_the_key_is_described_where_it_is_asked_for(server, described):
    assert "securitySchemes" not in described["components"]
    keyed = make_app(server.models, Settings(api_key="secret")).openapi()
    assert keyed["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"
    for path, method, facts in operations(keyed):
        is_open = (path, method) in {("/", "get"), ("/health", "get")}
        assert facts.get("security") == (None if is_open else [{"apiKey": []}]), path


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/", b"{}", "The body has no key 'inputs' with the text; it has no keys."),
        ("/", b'{"inputs": NaN}', "inputs is a number; expected a text or a list of texts."),
        ("/", {"inputs": "가", "parameters": {"top_k": 1.5}}, "top_k is 1.5; expected a whole number of at least 1."),
        ("/", b'{"inputs": "a", "parameters": {"top_k": NaN}}', "parameters.top_k is NaN; expected a whole number"),
        ("/", {"inputs": "가", "parameters": {"top_k": "1"}}, "parameters.top_k is a text; expected a whole number"),
        ("/", {"inputs": "가", "parameters": "x"}, "parameters is a text; expected an object."),
        ("/", {"inputs": "가", "parameters": {"function_to_apply": 3}}, "one of softmax, sigmoid, none; it is 3."),
        ("/", {"inputs": "가", "parameters": {"b": 1, "a": 2}}, "parameters has 'a', 'b'; known are"),
        ("/predict", {"inputs": "가", "raw_scores": 1}, "raw_scores is a number; expected true or false."),
        ("/predict", {"inputs": "가", "truncate": []}, "truncate is a list of 0; expected true or false."),
        ("/analyze", {"inputs": "가", "tasks": ["hate", 3]}, "tasks is a list of 2; expected a list of names of heads"),
        ("/parse", {"inputs": "가", "triples": {}}, "triples is an object; expected true or false."),
        ("/playground/table", {**TABLE, "kind": None}, "kind should be one of csv, xlsx; it is null."),
        ("/playground/table", {**TABLE, "columns": 3}, "columns should be a list of texts; it is 3."),
        ("/playground/table", {**TABLE, "columns": ["a", None]}, "columns[1] is null; expected a text."),
        ("/playground/table", {**TABLE, "added": ["\ud800"]}, "The name of a column has half a surrogate pair."),
        ("/playground/table", {"kind": "csv"}, "The body has no key 'columns'; it has 'kind'."),
    ],
)  # fmt: skip
def test_a_mistake_in_a_body_is_said_in_munjangs_words(server, path, body, message):
    answer = server.ask(path, body)
    assert answer.status == 422 and message in answer.body["error"] and "\n" not in answer.body["error"]


def test_an_error_may_quote_what_cannot_be_encoded(server, caplog):
    answer = server.ask("/analyze", {"inputs": "비밀", "tasks": ["\ud83d"]})
    assert answer.status == 404 and answer.body["error"].startswith("Unknown head of mini '?'. Known: hate,")
    assert caplog.text == ""


def test_the_last_of_two_equal_keys_counts_and_the_content_type_does_not(server):
    expected = server.ask("/predict", {"inputs": TEXT}).body
    body = f'{{"inputs": "별로", "unknown": [1], "inputs": "{TEXT}"}}'
    for kind in ("application/json", "application/x-www-form-urlencoded", "text/plain; charset=x", ""):
        assert server.ask("/predict", body.encode(), content_type=kind).body == expected


def test_head_is_get_without_its_body(server):
    for path in ("/", "/models", "/health", "/playground/main.js", "/models/none", "/docs"):
        whole, head = server.ask(path), server.ask(path, method="HEAD")
        assert head.status == whole.status and head.headers.get("content-length") == whole.headers["content-length"]
        assert head.body == "" if "json" not in head.headers["content-type"] else head.body is None
    assert server.ask("/predict", method="HEAD").status == 405


def test_what_nobody_foresaw_is_an_error_in_json_and_its_message_is_not_logged(server, monkeypatch, caplog):
    def broken(name):
        raise ValueError("비밀")

    monkeypatch.setattr(type(server.models), "facts", lambda self, name: broken(name))
    answer = server.ask("/models/mini")
    assert (answer.status, answer.body["error_type"]) == (500, "Backend")
    assert "ValueError while answering" in caplog.text and "비밀" not in caplog.text


def test_scores_that_are_no_numbers_are_no_answer(tmp_path):
    models = open_models([str(reviews(tmp_path))])
    (model,) = models.loaded.values()
    run = model.run

    def broken(texts):
        outputs = run(texts)
        outputs.logits[:] = np.nan
        return outputs

    with served(models) as server:
        model.run = broken
        for path in ("/", "/predict", "/analyze"):
            assert server.ask(path, {"inputs": "좋아요"}).status == 500
        model.run = run
        assert server.ask("/predict", {"inputs": "좋아요"}).status == 200


def test_each_server_counts_for_itself(server):
    server.ask("/predict", {"inputs": "별로"})
    with served(server.models) as other:
        assert other.number('munjang_requests_total{route="/predict",status="200"}') == 0
        assert other.number('munjang_waiting_texts{model="mini"}') == 0
        text = other.ask("/metrics").body
    assert server.number('munjang_requests_total{route="/predict",status="200"}') > 0
    assert "_created" not in text and "python_gc" not in text
    assert "# TYPE munjang_clients_gone_total counter" in text and "\nmunjang_clients_gone_total 0.0\n" in text
