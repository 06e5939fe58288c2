"""/parse: the trees of a parser beside classifiers, with the same limits and errors."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")
pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
from parsers import TREES, legal
from served import served

import munjang as mj
from munjang.records import Tree
from munjang.serving.settings import Limits

TEXT, HEADS, NAMES = TREES[0]


@pytest.fixture(scope="module")
def topic(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "topic"
    mj.train(mj.load_corpus("sample:topic"), mj.TrainConfig(backbone="linear"), out=folder)
    return folder


@pytest.fixture(scope="module")
def server(tiny_parser, topic):
    with served([f"dp={tiny_parser.folder}", str(topic)], limits=Limits(texts=40, characters=400)) as found:
        yield found


def test_one_text_has_one_tree(server):
    found = server.ask("/parse", {"inputs": TEXT})
    probabilities = found.body.pop("probabilities")
    assert found.body == {"words": TEXT.split(), "heads": list(HEADS), "relations": NAMES.split(), "note": ""}
    assert found.status == 200 and len(probabilities) == 4 and all(0.5 < value <= 1 for value in probabilities)
    assert server.ask("/models/dp/parse", {"inputs": TEXT}).body["heads"] == list(HEADS)


def test_triples_are_added_where_they_are_asked_for(server):
    found = server.ask("/parse", {"inputs": TEXT, "triples": True}).body["triples"]
    assert [(item["kind"], item["word_text"], item["head_text"], item["head"]) for item in found] == [
        ("subject", "나는", "걸었다", 4),
        ("object", "구름그림을", "걸었다", 4),
    ]


def test_a_list_has_a_list_of_trees_in_its_order(server, tiny_parser):
    texts = [text for text, *_ in TREES] * 4
    found = server.ask("/parse", {"inputs": texts}).body
    assert [tuple(item["heads"]) for item in found] == [heads for _, heads, _ in TREES] * 4
    (only,) = server.ask("/parse", {"inputs": [TEXT]}).body
    assert only["heads"] == list(HEADS)


def test_empty_and_long_texts_have_notes(server):
    empty, long = server.ask("/parse", {"inputs": [" ", "가 나 " * 100]}).body
    assert (empty["words"], empty["heads"], empty["note"]) == ([], [], "empty")
    assert long["note"] == "truncated to 64 tokens" and len(long["words"]) == 200
    assert legal(Tree(*(tuple(long[name]) for name in ("words", "heads", "relations"))))


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/parse", b"{", 422, "The body is not JSON"),
        ("/parse", {"text": "가"}, 422, "The body has no key 'inputs'"),
        ("/parse", {"inputs": 3}, 422, "inputs is a number"),
        ("/parse", {"inputs": "가" * 401}, 422, "inputs has 401 characters; this server takes at most 400"),
        ("/parse", {"inputs": ["가"] * 41}, 422, "inputs has 41 texts"),
        ("/parse", {"inputs": "가", "triples": "yes"}, 422, "triples is a text; expected true or false"),
        ("/models/no/parse", {"inputs": "가"}, 404, "no"),
        ("/models/dp", {"inputs": "가"}, 422, "dp is a parser; post to /models/dp/parse"),
        ("/models/dp/analyze", {"inputs": "가"}, 422, "dp is a parser"),
        ("/models/topic/parse", {"inputs": "가"}, 404, "topic"),
    ],
)
def test_what_is_wrong_is_said(server, path, body, status, message):
    found = server.ask(path, body)
    assert found.status == status and message in found.body["error"]


def test_a_parser_stands_among_the_models_and_the_classifier_stays_the_default(server):
    models = server.ask("/models").body
    assert models["default"] == "topic" and [item["name"] for item in models["models"]] == ["topic", "dp"]
    assert server.ask("/models/dp").body["task"] == "parsing"
    assert server.ask("/predict", {"inputs": "축구 경기"}).status == 200
    assert "/parse" in server.ask("/openapi.json").body["paths"] and "/parse" in server.ask("/docs").body
    assert server.number('munjang_texts_total{model="dp"}') > 0


def test_a_server_of_parsers_alone_says_so_and_one_without_says_so_too(tiny_parser, topic):
    with served([str(tiny_parser.folder)]) as alone:
        found = alone.ask("/predict", {"inputs": "가"})
        assert found.status == 404 and "Only parsers are served here, at /parse" in found.body["error"]
        assert alone.ask("/parse", {"inputs": TEXT}).body["heads"] == list(HEADS)
        assert alone.ask("/models").body["default"] is None and alone.ask("/docs").status == 200
    with served([str(topic)]) as without:
        found = without.ask("/parse", {"inputs": "가"})
        assert found.status == 404 and "No parser is served here" in found.body["error"]


def test_without_models_the_packaged_parser_is_served_where_there_is_one(tiny_parser, topic, monkeypatch):
    monkeypatch.setattr("munjang.serving.models.packaged", lambda: topic)
    monkeypatch.setattr("munjang.inference.heads.PACKAGED_PARSER", tiny_parser.folder)
    with served([]) as server:
        assert [item["name"] for item in server.ask("/models").body["models"]] == ["topic", "mini/parser"]
        assert server.ask("/models/mini/parser/parse", {"inputs": TEXT}).body["heads"] == list(HEADS)
    monkeypatch.setattr("munjang.inference.heads.PACKAGED_PARSER", topic / "none")
    with served([]) as server:
        assert [item["name"] for item in server.ask("/models").body["models"]] == ["topic"]


def test_the_module_that_draws_arcs_fetches_nothing_and_takes_texts_as_texts():
    folder = Path(mj.__file__).parent / "serving" / "playground" / "page"
    script, style = ((folder / name).read_text("utf-8") for name in ("parts/arcs.js", "styles/arcs.css"))
    assert "export function drawTree(container, tree, said = SAID)" in script
    for word in ("innerHTML", "outerHTML", "insertAdjacent", "fetch(", "import ", "document.write", "XMLHttp"):
        assert word not in script
    assert "url(" not in style and "@import" not in style
    assert re.findall(r"https?://[^\"]+", script) == ["http://www.w3.org/2000/svg"]
    used = set(re.findall(r'"(arcs-[a-z]+)', script)) - {"arcs-"}
    assert used <= set(re.findall(r"\.(arcs-[a-z]+)", style)) | {"arcs-empty"}


def test_each_noun_is_listed_with_its_modifiers_and_predicates(server):
    """The module's own function, run by node."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    tree = server.ask("/parse", {"inputs": TREES[1][0], "triples": True}).body
    module = Path(mj.__file__).parent / "serving" / "playground" / "page" / "parts" / "arcs.js"
    code = "import(process.argv[1]).then((m) => console.log(JSON.stringify(m.nouns(JSON.parse(process.argv[2])))))"
    done = subprocess.run([node, "-e", code, str(module), json.dumps(tree)], capture_output=True, text=True)
    assert json.loads(done.stdout) == [
        {"place": 1, "word": "새털구름을", "modifiers": [], "predicates": [{"kind": "object", "word": "그린"}]},
        {"place": 3, "word": "것이", "modifiers": ["새털구름을 그린"],
         "predicates": [{"kind": "subject", "word": "구름그림이다"}]},
        {"place": 4, "word": "내가", "modifiers": [], "predicates": [{"kind": "subject", "word": "그린"}]},
        {"place": 6, "word": "구름그림이다", "modifiers": ["내가 그린"], "predicates": []},
    ], done.stderr  # fmt: skip
