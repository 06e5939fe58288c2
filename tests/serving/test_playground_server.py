"""The server's side of the playground: its files, tables in and out, explanations, cards, and access rules."""

import http.client
import io
import itertools
import json
import os
import re
import signal
from urllib.parse import quote, urlencode, urlsplit

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("openpyxl")
from kills.points import Steps, in_child
from linear_models import reviews, several_labels
from openpyxl import Workbook, load_workbook
from served import served

import munjang as mj
from munjang.errors import BundleError, ConfigError
from munjang.files import temporary_folder
from munjang.inference.heads import packaged
from munjang.serving.playground.assets import FOLDER, PAGE_FILES
from munjang.serving.playground.downloads import write_download
from munjang.serving.playground.uploads import UploadOptions, read_upload
from munjang.serving.server import serve_models
from munjang.serving.settings import Limits, Settings

TEXT = "배송은 빨랐는데 포장이 엉망이라 실망했어요"
CSV = "번호,본문,작성자\n1,=1+1 재밌어요,@손님\n2,너무 지루해요,나\n3,,다\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return reviews(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def several(folder):
    return several_labels(folder.parent)


@pytest.fixture(scope="module")
def server(folder, several):
    limits = Limits(file_bytes=20_000, rows=300, characters=500)
    with served([str(packaged()), str(folder), str(several)], limits=limits) as found:
        yield found


def read(server, name, data, **options):
    return server.ask(f"/playground/read?{urlencode({'name': name, **options})}", data)


def raw(server, path, body=None, **headers):
    """A response as bytes: status, headers, body."""
    place = urlsplit(server.url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=20)
    connection.request("GET" if body is None else "POST", path, body and json.dumps(body), headers)
    response = connection.getresponse()
    found = response.status, response.headers, response.read()
    connection.close()
    return found


def test_people_get_the_page_and_programs_the_facts(server):
    status, headers, page = raw(server, "/", accept="text/html,*/*")
    assert status == 200 and page == (FOLDER / "index.html").read_bytes()
    assert server.ask("/").body["models"][0] == "mini"
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy and "http" not in policy


def test_every_file_of_the_page_is_served_and_names_no_other_site(server):
    assert {path.suffix for path in PAGE_FILES.values()} == {".css", ".js"}
    for address, path in PAGE_FILES.items():
        status, headers, data = raw(server, address)
        assert (status, data) == (200, path.read_bytes())
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-type"].startswith("text/css" if path.suffix == ".css" else "text/javascript")
    for path in FOLDER.rglob("*.*"):
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")  # a name, not an address
        assert (
            re.findall(r"https?://|innerHTML|insertAdjacent|document\.write|\beval\b|new Function| on\w+=", text) == []
        )
    page = (FOLDER / "index.html").read_text(encoding="utf-8")
    assert {f"/{name}" for name in re.findall(r'(?:src|href)="(playground/[^"]+)"', page)} <= set(PAGE_FILES)
    assert server.ask("/playground/..%2fapp.py").status == 404


def test_both_languages_have_the_same_words():
    keys = {
        name: set(
            re.findall(r'^  "?([^":]+)"?:', (FOLDER / "words" / f"words.{name}.js").read_text(encoding="utf-8"), re.M)
        )
        for name in ("ko", "en")
    }
    assert keys["ko"] ^ keys["en"] == {key for key in keys["en"] if key.startswith("label.")}
    used = "".join(path.read_text(encoding="utf-8") for path in FOLDER.rglob("*.*") if "words." not in path.name)
    plain = set(re.findall(r'(?:say\(|data-t(?:-\w+)?=)"([\w.]+)"', used))
    assert plain and plain <= keys["ko"]


def test_an_explanation_is_that_of_the_library_for_every_head(server):
    found = server.ask("/models/mini/explain", {"inputs": TEXT}).body
    assert found["method"] == "leave-one-out" and [word["text"] for word in found["words"]] == TEXT.split()
    assert list(found["answers"]) == [classifier.head for classifier in server.models.loaded["mini"].classifiers]
    for head in ("sentiment", "topic"):
        expected = mj.explain(mj.load(f"mini/{head}"), TEXT)
        answer = found["answers"][head]
        assert (answer["label"], answer["score"]) == (expected.label, pytest.approx(expected.score, abs=1e-4))
        # Other batches round otherwise in 8 bits.
        assert answer["shares"] == pytest.approx([word.share for word in expected.words], abs=0.02)
    one = server.ask("/models/reviews/explain", {"inputs": TEXT}).body["answers"]["reviews"]
    expected = mj.explain(mj.load(server.models.loaded["reviews"].folder), TEXT)
    assert one["drops"] == pytest.approx([word.drop for word in expected.words], abs=1e-5)
    assert list(server.ask("/models/mini/explain", {"inputs": TEXT, "tasks": ["hate"]}).body["answers"]) == ["hate"]


def test_without_its_only_word_a_text_counts_as_an_empty_text(server, several):
    for model, folder in (("several", several), ("reviews", server.models.loaded["reviews"].folder)):
        found = server.ask(f"/models/{model}/explain", {"inputs": "비난"}).body["answers"][model]
        (word,) = mj.explain(mj.load(folder), "비난").words
        assert (found["drops"], found["shares"]) == ([pytest.approx(word.drop, abs=1e-6)], [1.0])
        assert found["drops"][0] == pytest.approx(found["score"] - (0.5 if model == "reviews" else 0), abs=1e-6)


def test_an_explanation_of_nothing_and_of_too_much(server):
    empty = server.ask("/models/mini/explain", {"inputs": " "}).body
    assert (empty["words"], empty["note"], empty["answers"]["hate"]["label"]) == ([], "empty", None)
    for body, status, message in (
        ({"inputs": "말 " * 65}, 422, "has 65 eojeols; at most 64"),
        ({"inputs": [TEXT]}, 422, "inputs is a list of 1; expected one text"),
        ({"inputs": TEXT, "tasks": ["mood"]}, 404, "Unknown head of mini 'mood'"),
    ):
        answer = server.ask("/models/mini/explain", body)
        assert answer.status == status and message in answer.body["error"]
    assert server.ask("/models/none/explain", {"inputs": TEXT}).status == 404


def test_a_file_is_read_as_munjang_reads_it(server):
    found = read(server, "후기 2024.csv", CSV.encode("cp949")).body
    assert found["columns"] == ["번호", "본문", "작성자"] and found["text"] == 1
    assert found["rows"][0] == ["1", "=1+1 재밌어요", "@손님"] and found["lines"] == [2, 3, 4]
    assert found["notes"][0].startswith("후기 2024.csv: ") and "/tmp" not in json.dumps(found)
    lines = read(server, "lines.txt", "첫 문장\n둘째 문장\n".encode("utf-16")).body
    assert (lines["columns"], lines["rows"]) == (["text"], [["첫 문장"], ["둘째 문장"]])
    aside = read(server, "a.csv", "text,label\n좋아요,1\n별로\n".encode()).body
    assert (len(aside["rows"]), aside["set_aside"], aside["rejected"][0]["line"]) == (1, 1, 3)


def test_a_sheet_is_read_with_its_kinds_of_cells(server):
    book, stream = Workbook(), io.BytesIO()
    book.active.append(["본문", "평점", "날짜"])
    book.active.append(["좋아요", 4.5, None])
    other = book.create_sheet("둘째")
    other.append(["text"])
    other.append(["여기"])
    book.save(stream)
    found = read(server, "book.xlsx", stream.getvalue()).body
    assert found["rows"] == [["좋아요", 4.5, None]]
    assert not any("--" in note for note in found["notes"])
    assert read(server, "book.xlsx", stream.getvalue(), sheet="둘째").body["rows"] == [["여기"]]
    missing = read(server, "book.xlsx", stream.getvalue(), sheet="셋째")
    assert missing.status == 422 and "no sheet '셋째'; it has Sheet, 둘째" in missing.body["error"]


@pytest.mark.parametrize(
    ("name", "data", "status", "message"),
    [
        ("a.csv", b"", 422, "The file is empty"),
        ("a.csv.gz", b"\x1f\x8b\x08\x00", 422, "is packed with gzip"),
        ("a.csv", b"\x28\xb5\x2f\xfd\x00", 422, "is packed with zstd"),
        ("a.parquet", b"PAR1", 422, "is not a kind of file that can be read here"),
        ("a.exe", b"MZ", 422, "is not a kind of file that can be read here"),
        ("a.xlsx", b"PK\x03\x04 broken", 422, "not a readable .xlsx file"),
        ("a.xls", b"\xd0\xcf\x11\xe0" + bytes(600), 422, "is not a kind of file that can be read here"),
        ("a.txt", "말\n".encode() * 301, 413, "has more than 300 rows"),
        ("a.txt", b"x" * 20_001, 413, "longer than 20,000 bytes"),
        ("a.csv", b"a,b\n", 422, "no row can be used"),
        ("../../etc/passwd.txt", b"\n", 422, "passwd.txt is empty"),
    ],
)
def test_what_cannot_be_read_is_said(server, name, data, status, message):
    answer = server.ask(f"/playground/read?name={quote(name)}", data, method="POST")
    assert answer.status == status and message in answer.body["error"], answer.body
    assert ".munjang" not in answer.body["error"]


def test_the_delimiter_and_the_row_of_the_names_can_be_given(server):
    data = "메모;1\n본문,둘;감정\n좋아요, 정말;긍정\n별로;부정\n".encode()
    table = read(server, "a.csv", data, delimiter=";", header_row="2").body
    assert (table["columns"], table["rows"]) == (["본문,둘", "감정"], [["좋아요, 정말", "긍정"], ["별로", "부정"]])
    for given, message in [
        ({"header_row": "x"}, "header_row should be a number, such as 3, or 0 for none; it is 'x'."),
        ({"header_row": "99999999999"}, "header_row must be between 0 and"),
        ({"delimiter": "::"}, 'delimiter="::" is not one character'),
        ({"delimiter": ";" * 101}, "encoding, sheet, delimiter, header_row have at most 100 characters."),
    ]:
        answer = read(server, "a.csv", data, **given)
        assert answer.status == 422 and message in answer.body["error"]


def test_an_empty_body_is_told_what_a_table_is(server):
    for body, found in ((b"", "empty"), (b"[]", "a list of 0")):
        answer = server.ask("/playground/table", body, method="POST")
        assert answer.status == 422 and f"The body is {found}; send" in answer.body["error"]
        assert '{"kind": …, "columns": …, "added": …, "rows": …}' in answer.body["error"]


def test_nothing_of_a_file_stays_on_the_disk(server, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert read(server, "a.csv", CSV.encode()).status == 200
    assert read(server, "a.csv", b"a,b\n").status == 422
    for kind in ("csv", "xlsx"):
        body = {"kind": kind, "columns": ["a"], "added": [], "rows": [["1"]]}
        assert raw(server, "/playground/table", body)[0] == 200
    too_long = {"kind": "xlsx", "columns": ["a"], "added": [], "rows": [["1"], ["a" * 32_768]]}
    assert server.ask("/playground/table", too_long).status == 422
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("kind", ["upload", "csv", "xlsx"])
def test_what_a_killed_server_had_on_the_disk_goes_when_the_next_one_starts(tmp_path, monkeypatch, kind):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def use_disk():
        with temporary_folder() as folder:  # as FileProcess does
            path = folder / "file.csv"
            if kind == "upload":
                path.write_bytes(CSV.encode())
                read_upload(path, UploadOptions(), Limits())
            else:
                path.write_text(json.dumps({"kind": kind, "columns": ["a"], "added": [], "rows": [["1"]] * 3}))
                write_download(path, Limits())

    kills = 0
    for number in itertools.count():
        steps = Steps(str(tmp_path), number)
        if in_child(lambda steps=steps: (steps.arm(), use_disk())).code != -signal.SIGKILL:
            break
        kills += bool(os.listdir(tmp_path))
        with pytest.raises(BundleError):  # at once: it has no model
            serve_models([str(tmp_path / "none")], Settings(port=0))
        assert os.listdir(tmp_path) == []
    assert kills >= 4


ROWS = [["=1+1 재밌어요", 4.5, "긍정", 0.98], ["@손님", None, "부정", None], ["-5", 3, "+a", 1]]


def test_a_downloaded_csv_has_its_formulas_disarmed(server):
    body = {"kind": "csv", "columns": ["=본문", "label"], "added": ["label", "score"], "rows": ROWS}
    status, headers, data = raw(server, "/playground/table", body)
    assert status == 200 and headers["content-disposition"] == "attachment"
    assert data.decode("utf-8-sig").splitlines() == [
        "'=본문,label,munjang_label,munjang_score",
        "'=1+1 재밌어요,4.5,긍정,0.98",
        "'@손님,,부정,",
        "-5,3,'+a,1",
    ]


def test_a_downloaded_sheet_has_texts_and_no_formulas(server):
    body = {"kind": "xlsx", "columns": ["본문", "평점"], "added": ["label", "score"], "rows": ROWS}
    _, _, data = raw(server, "/playground/table", body)
    rows = list(load_workbook(io.BytesIO(data)).active.iter_rows())
    assert [cell.value for cell in rows[1]] == ROWS[0]
    assert {cell.data_type for row in rows for cell in row} == {"s", "n"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "exe"}, "kind should be one of csv, xlsx"),
        ({"kind": ["csv"]}, "kind should be one of"),
        ({"columns": None}, "columns should be a list"),
        ({"rows": {}}, "rows should be a list of lists"),
        ({"rows": [["a"]]}, "rows[0] should be a list of 2 cells"),
        ({"rows": [["a", []]]}, "rows[0] has a cell that is not a text"),
        ({"rows": [["a", "\ud800"]]}, "half a surrogate pair"),
    ],
)
def test_what_is_no_table_is_refused(server, change, message):
    body = {"kind": "csv", "columns": ["a"], "added": ["label"], "rows": [], **change}
    answer = server.ask("/playground/table", body)
    assert answer.status == 422 and message in answer.body["error"]


def test_a_card_has_the_saved_scores_and_the_confusion_matrix(server, folder):
    card = server.ask("/models/reviews/card").body
    saved = json.loads((folder / "run" / "test.json").read_text(encoding="utf-8"))
    assert card["confusion"] == saved["confusion"] and card["labels"] == saved["labels"]
    assert card["scores"][0]["split"] == "test" and card["scores"][0]["n"] == saved["n"]
    assert card["scores"][0]["metrics"]["accuracy"] == saved["metrics"]["accuracy"]
    assert card["readme"].startswith("# ") and card["evaluated"] is True
    assert not any(item["text"] in json.dumps(card, ensure_ascii=False) for item in saved["top_errors"])


def test_a_heads_card_has_what_its_training_noted(server):
    card = server.ask("/models/mini/sentiment/card").body
    assert [score["split"] for score in card["scores"]] == ["test", "validation"]
    assert 0.8 < card["scores"][0]["metrics"]["accuracy"] < 1 and "| sentiment |" in card["readme"]
    noted = mj.load("mini/sentiment").manifest.details["test"].get("confusion")
    assert card["confusion"] == noted
    assert server.ask("/models/mini/card").status == 422
    assert server.ask("/models/none/card").status == 404


def test_a_model_without_a_saved_evaluation_says_so(folder, tmp_path):
    mj.load(folder).save(tmp_path / "bare")
    (tmp_path / "bare" / "run" / "test.json").unlink()
    (tmp_path / "bare" / "README.md").unlink()
    with served([str(tmp_path / "bare")]) as bare:
        card = bare.ask("/models/bare/card").body
    assert (card["confusion"], card["per_label"], card["readme"]) == (None, None, "")
    assert [score["split"] for score in card["scores"]] in ([], ["validation"])


def test_the_page_is_open_and_what_it_asks_is_not(folder):
    with served([str(folder)], api_key="secret") as keyed:
        assert raw(keyed, "/", accept="text/html")[0] == 200
        assert all(raw(keyed, address)[0] == 200 for address in PAGE_FILES)
        for path in ("/playground/limits", "/models/reviews/card", "/models", "/playground/none.js"):
            assert keyed.ask(path).status == 401
        for path in ("/playground/read?name=a.csv", "/playground/table", "/models/reviews/explain"):
            assert keyed.ask(path, b"{}").status == 401
        found = keyed.ask("/playground/limits", authorization="Bearer secret").body
        assert found["texts"] == 256 and found["file_bytes"] == 10_000_000


def test_each_classifier_says_which_precisions_it_can_promise(server):
    models = {model["name"]: model for model in server.ask("/models").body["models"]}
    said = {head["model"]: head["promises"] for head in models["mini"]["heads"]}
    said["reviews"] = models["reviews"]["promises"]
    for name, promises in said.items():
        assert server.ask(f"/models/{name}").body["promises"] == promises
        for target in (0.9, 0.95, 0.99):
            answer = server.ask(f"/models/{name}/analyze", {"inputs": TEXT, "min_precision": target})
            assert answer.status == (200 if target in promises else 422), (name, target)
    assert said["mini/sentiment"] == [0.9, 0.95, 0.99] and said["mini/hate"] == [], "else this compares nothing"


def test_another_name_for_this_machine_is_refused(server, folder):
    port = urlsplit(server.url).port
    for name in (
        f"evil.example:{port}",
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:80",
        "[::2]",
        "",
    ):
        for path, body in (
            ("/models", None),
            ("/predict", {"inputs": TEXT}),
            ("/", None),
            ("/playground/main.js", None),
        ):
            status, _, data = raw(server, path, body, host=name)
            assert status == 421 and b"hosts=('NAME',)" in data, (name, path)
    for name in (f"localhost:{port}", "LOCALHOST", f"127.0.0.1:{port}", "[::1]:80", "localhost."):
        assert raw(server, "/models", host=name)[0] == 200, name
    with served([str(folder)], hosts=["munjang.example.org"]) as proxied:
        assert raw(proxied, "/models", host="munjang.example.org")[0] == 200
        assert raw(proxied, "/models", host="example.org")[0] == 421


def test_a_server_for_every_network_goes_by_any_name_unless_names_are_given():
    assert Settings(host="0.0.0.0").known_hosts == frozenset()
    assert "a.example" in Settings(host="0.0.0.0", hosts=["A.example"]).known_hosts
    assert "[::1]" in Settings(host="::1").known_hosts and "127.0.0.7" in Settings(host="127.0.0.7").known_hosts
    for name in ("http://a.example", "a.example:80", "*", ""):
        with pytest.raises(ConfigError, match="is not a host name"):
            Settings(hosts=[name])
