"""JSON of every shape that pandas and annotation tools write, and Parquet with what Python does not know."""

import datetime
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from munjang.data.readers import json as json_reader
from munjang.data.readers.open import open_table
from munjang.data.readers.table import cell_text
from munjang.data.readers.writers import open_writer
from munjang.errors import DataError

ROWS = [("좋아요", "긍정"), ("별로예요", "부정"), ("그저 그래요", "부정")]
RECORDS = [{"본문": text, "감정": label} for text, label in ROWS]


def saved(path, value):
    path.write_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return path


def read(path):
    table = open_table(path)
    return table.columns, [tuple(map(cell_text, row.cells)) for row in table.rows()]


@pytest.mark.parametrize("orient", ["columns", "index", "records", "split", "table", "values"])
@pytest.mark.parametrize("index", [None, ["가", "나", "다"]])
def test_every_orient_of_pandas_gives_its_rows(tmp_path, orient, index):
    pandas = pytest.importorskip("pandas")
    pandas.DataFrame(RECORDS, index=index).to_json(tmp_path / "a.json", orient=orient, force_ascii=False)
    columns, rows = read(tmp_path / "a.json")
    assert [row[-2:] for row in rows] == ROWS
    assert columns[-2:] == (("column1", "column2") if orient == "values" else ("본문", "감정"))


@pytest.mark.parametrize(
    ("value", "columns", "rows"),
    [
        ({"data": RECORDS}, ("본문", "감정"), ROWS),
        ({"version": "1", "document": RECORDS}, ("본문", "감정"), ROWS),
        ({"본문": [row[0] for row in ROWS], "감정": [row[1] for row in ROWS]}, ("본문", "감정"), ROWS),
        ([["본문", "감정"], *map(list, ROWS)], ("본문", "감정"), ROWS),
        ({"0": {"가": "좋아요", "나": "긍정"}, "1": {"가": "별로", "나": "부정"}}, ("가", "나"),
         [("좋아요", "긍정"), ("별로", "부정")]),
        ({"본문": "좋아요", "감정": "긍정"}, ("본문", "감정"), ROWS[:1]),
        ([{"id": 1, "comment": {"text": "좋아요", "by": {"name": "가"}}}], ("id", "comment.text", "comment.by.name"),
         [("1", "좋아요", "가")]),
        ({"response": {"body": {"items": {"item": RECORDS}, "count": 3}}}, ("본문", "감정"), ROWS),
        ({"0": {"본문": "좋아요", "meta": {"by": "가"}}, "1": {"본문": "별로"}}, ("본문", "meta.by"),
         [("좋아요", "가"), ("별로", "")]),
        ({"17": RECORDS[0], "23": RECORDS[1]}, ("index", "본문", "감정"), [("17", *ROWS[0]), ("23", *ROWS[1])]),
        ({"본문": {"a": "좋아요", "b": "별로"}}, ("index", "본문"), [("a", "좋아요"), ("b", "별로")]),
        ({"columns": ["본문", "본문"], "index": [0, 1], "data": [["가", "나"], ["다", "라"]]}, ("본문", "본문_2"),
         [("가", "나"), ("다", "라")]),
        ({"0": "좋아요", "1": "별로"}, ("values",), [("좋아요",), ("별로",)]),
        ({"본문": ["가", "나"], "감정": ["긍정", "부정"], "name": "말뭉치"}, ("본문", "감정"),
         [("가", "긍정"), ("나", "부정")]),
        ({"본문": "좋아요", "tokens": ["좋아", "요"]}, ("본문", "tokens"), [("좋아요", '["좋아", "요"]')]),
    ],
)  # fmt: skip
def test_json_of_other_shapes(tmp_path, value, columns, rows):
    assert read(saved(tmp_path / "a.json", value)) == (columns, rows)
    indented = json.dumps(value, ensure_ascii=False, indent=1)
    assert read(saved(tmp_path / "b.json", indented)) == (columns, rows)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"train": RECORDS, "test": RECORDS}, r"several lists of objects: train, test"),
        (
            {"본문": {"0": "가", "1": "나"}, "감정": {"0": "긍정", "1": "부정"}, "extra": [{"a": 1}, {"a": 2}]},
            r"not clear whether the list extra holds the rows, because 본문, 감정 may belong to them\. Save",
        ),
        (
            {"columns": ["본문"], "data": [["가"]], "extra": [{"본문": "나"}]},
            r"the list data holds .* because extra may",
        ),
        (
            {"본문": ["가", "나"], "extra": [{"a": 1}, {"a": 2}]},
            r"the list extra holds the rows, because 본문 may belong",
        ),
        ({"text": "좋아요", "entities": [{"start": 0}]}, r"the list entities holds the rows, because text may belong"),
        (
            {"a": {"rows": RECORDS}, "b": {"items": RECORDS}},
            r"holds several tables: a, b\. Save the one with the texts",
        ),
        (
            {"본문": ["가", "나"], "감정": ["긍정"]},
            r"but 본문 \(2\), 감정 \(1\) are no columns: they need names, and the same",
        ),
        ({"0": ["가", "긍정"], "1": ["나", "부정"]}, r"but 0 \(2\), 1 \(2\) are no columns"),
        (
            {"0": {"0": "가", "1": "긍정"}, "1": {"0": "나", "1": "부정"}},
            r"not clear whether 0, 1 or 0, 1 are the columns",
        ),
        ({"r1": {"0": "가"}, "r2": {"0": "나"}}, r"not clear whether r1, r2 or 0 are the columns"),
        ({"data": []}, "is empty: it has no rows"),
        ({"columns": ["본문"], "index": [], "data": []}, "is empty: it has no rows"),
        (["가", "나"], r"holds no JSON object\. Expected one object per line"),
        ([["가"], ["나", "다"], ["라", "마", "바"]], "a JSON list of lists of different lengths; that is no table"),
        (
            '{"본문": "가",\n"본문": "나"}',
            r"the key '본문' twice in one object, so one of its values would be lost\. Rename one",
        ),
        ({"가": {"나": 1, "다": 2}, "라": {"나": 3, "다": 4}}, r"not clear whether 가, 라 or 나, 다 are the columns"),
        ('{"본문": "좋아요",\n"감정" "긍정"}', r"a\.json, line 2: not valid JSON"),
        ([{f"k{i}": 1} for i in range(2_000)], "2,000 different keys, of which an object has 1 on average"),
        ("[" * 100_000, "not a valid JSON list"),
        ('{"a": ' * 100_000, "not valid JSON"),
    ],
)
def test_json_that_is_ambiguous_or_broken_is_one_line(tmp_path, value, message):
    with pytest.raises(DataError, match=message) as caught:
        open_table(saved(tmp_path / "a.json", value))
    assert len(str(caught.value)) < 500


def test_a_value_that_would_be_lost_sets_its_row_aside(tmp_path):
    good = '{"id": 1, "comment": {"text": "가"}}'
    twice, inside = '{"id": 2, "id": 3}', '{"id": 4, "comment": [{"a": 1, "a": 2}]}'
    clash = '{"comment.text": "나", "comment": {"text": "다"}}'
    for name, text in (("a.jsonl", "\n".join([good, twice, inside, clash])),
                       ("a.json", f"[{good},\n{twice},\n{inside},\n{clash}]")):  # fmt: skip
        table = open_table(saved(tmp_path / name, text))
        assert [row.line for row in table.rows()] == [1]
        assert [(row.line, row.reason) for row in table.rejected] == [
            (2, "the key 'id' twice in one object"),
            (3, "the key 'a' twice in one object"),
            (4, "two values for comment.text: once with a point, once inside an object"),
        ]


@pytest.mark.parametrize("named", [True, False])
def test_rows_of_another_length_than_most_are_set_aside_and_counted(tmp_path, named):
    rows = [["본문", "감정"], ["가", "긍정"], ["나"], ["다", "부정"], "라"]
    value = {"columns": rows[0], "data": rows[1:]} if named else rows
    table = open_table(saved(tmp_path / "a.json", value))
    assert [row.cells for row in table.rows()] == [("가", "긍정"), ("다", "부정")]
    reasons = [row.reason for row in table.rejected]
    assert reasons == (["a JSON list, expected an object", "a JSON text, expected an object"] if named else
                       ["a list of length 1, expected 2", "a JSON text, expected a list"])  # fmt: skip


def test_what_stands_beside_the_rows_is_named(tmp_path):
    table = open_table(saved(tmp_path / "a.json", {"version": "1", "by": {"name": "가"}, "rows": RECORDS}))
    assert len(list(table.rows())) == 3
    assert table.notes[-1] == f"{tmp_path / 'a.json'}: beside the rows, not read: version, by"


def test_halves_of_characters_are_found_anywhere(tmp_path):
    deep = '{"t": {"b": ' + "[" * 200 + "]" * 200 + "}}"
    lines = ['{"t": {"b": ["가", "\\ud83d"]}}', '{"t": {"b": ["가\\u0000"]}}', deep, '{"t": {"b": 1}, "\\ud800k": 2}']
    table = open_table(saved(tmp_path / "a.jsonl", "\n".join(lines)))
    assert [row.cells for row in table.rows()] == [(1, 2)]
    assert table.columns == ("t.b", "\\ud800k")
    assert [row.line for row in table.rejected] == [1, 2, 3]


def test_values_that_python_does_not_know_come_back_as_they_were(tmp_path):
    table = pa.table({
        "text": ["가", "나"],
        "day": pa.array([0, 10_000_000], pa.int32()).cast(pa.date32()),
        "time": pa.array([0, 10**12], pa.int64()).cast(pa.timestamp("s")),
    })  # fmt: skip
    pq.write_table(table, tmp_path / "a.parquet")
    opened = open_table(tmp_path / "a.parquet")
    rows = list(opened.rows())
    assert rows[0].cells[1:] == (datetime.date(1970, 1, 1), datetime.datetime(1970, 1, 1))
    assert cell_text(rows[1].cells[1]) and cell_text(rows[1].cells[2])
    with open_writer(tmp_path / "b.parquet", opened.columns, types=opened.types) as writer:
        for row in rows:
            writer.write(row.cells)
    assert pq.read_table(tmp_path / "b.parquet").equals(pq.read_table(tmp_path / "a.parquet"))
    with open_writer(tmp_path / "b.csv", opened.columns) as writer:
        for row in rows:
            writer.write(row.cells)


def test_bytes_that_are_no_text_set_their_row_aside(tmp_path):
    texts = pa.StringArray.from_buffers(2, pa.py_buffer(b"\0\0\0\0\x02\0\0\0\x04\0\0\0"), pa.py_buffer(b"ok\xff\xfe"))
    pq.write_table(pa.table({"text": texts, "n": [1, 2]}), tmp_path / "a.parquet")
    table = open_table(tmp_path / "a.parquet")
    assert [row.cells for row in table.rows()] == [("ok", 1)]
    assert [(row.line, "half a character" in row.reason) for row in table.rejected] == [(2, True)]


def test_class_numbers_are_names_and_structs_are_columns(tmp_path):
    features = {"label": {"names": ["부정", "긍정"], "_type": "ClassLabel"}}
    table = pa.table({"label": [1, 0, -1, 7], "comment": [{"text": text} for text in "가나다라"]})
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, tmp_path / "a.parquet")
    opened = open_table(tmp_path / "a.parquet")
    assert opened.columns == ("label", "comment.text")
    assert [row.cells for row in opened.rows()] == [("긍정", "가"), ("부정", "나"), (None, "다"), ("7", "라")]
    assert any("class numbers of label are 부정, 긍정" in note for note in opened.notes)
    odd = {
        "label": pa.array(["1", "0", "-1", "7"]),
        "own": pa.array(["긍정", "1", None, "부정"]),
        "number": pa.array([0.0, float("nan"), 1.0, None]),
        "numbers": pa.array([[0, 1], [], None, [-1]]),
        "inner": pa.array([{"label": n} for n in (1, 0, None, -1)]),
    }
    features |= {"inner": {"label": features["label"]}, "numbers": {"feature": features["label"], "_type": "Sequence"}}
    features |= {"own": features["label"], "number": features["label"]}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(pa.table(odd).replace_schema_metadata(metadata), tmp_path / "c.parquet")
    assert list(zip(*(row.cells for row in open_table(tmp_path / "c.parquet").rows()), strict=True)) == [
        ("긍정", "부정", None, "7"),
        ("긍정", "긍정", None, "부정"),
        ("부정", None, "긍정", None),
        (["부정", "긍정"], [], None, [None]),
        ("긍정", "부정", None, None),
    ]
    bad = table.replace_schema_metadata({"huggingface": "not JSON"})
    pq.write_table(bad, tmp_path / "b.parquet")
    assert [row.cells[0] for row in open_table(tmp_path / "b.parquet").rows()] == [1, 0, -1, 7]


@pytest.mark.parametrize("more", ['[{"text": "둘째", "label": "a"}]', "garbage", " ]"])
def test_what_stands_behind_a_list_is_not_lost_in_silence(tmp_path, more):
    path = tmp_path / "two.json"
    path.write_text(f'[{{"text": "좋아요", "label": "a"}}]\n\n{more}', encoding="utf-8")
    with pytest.raises(DataError, match=r"two\.json, line 3: something stands behind the end of the JSON list"):
        list(open_table(path).rows())
    path.write_text('[{"text": "좋아요", "label": "a"}] \n\n', encoding="utf-8")
    assert [list(row.cells) for row in open_table(path).rows()] == [["좋아요", "a"]]


UTTERANCES = [{"id": "u1", "form": "오늘 날씨가 참 좋네요"}, {"id": "u2", "form": "네 그렇네요"}]


@pytest.mark.parametrize(
    ("value", "name", "rows"),
    [
        (
            {"id": "A", "document": [
                {"id": "A.1", "metadata": {"title": "일상 대화 말뭉치 첫째 파일", "speaker": [{"age": "20대"}]},
                 "utterance": UTTERANCES},
                {"id": "A.2", "metadata": {"title": "일상 대화 말뭉치 둘째 파일", "speaker": []}, "utterance": []},
            ]},
            "utterance",
            [("A.1", "오늘 날씨가 참 좋네요"), ("A.1", "네 그렇네요"), ("A.2", "")],
        ),
        (
            [{"id": "1", "messages": [{"role": "user", "content": "언제 오나요"}, {"role": "ai", "content": "내일요"}]},
             {"id": "2", "messages": [{"role": "user", "content": "고마워요"}]}],
            "messages",
            [("1", "언제 오나요"), ("1", "내일요"), ("2", "고마워요")],
        ),
        (
            {"data": [{"title": "제목", "paragraphs": [
                {"context": "긴 문단이 여기에 있습니다.", "qas": [{"question": "왜?", "answers": [{"text": "문단"}]}]},
                {"context": "다른 문단이 이어집니다.", "qas": []}]}]},
            "paragraphs",
            [("제목", "긴 문단이 여기에 있습니다."), ("제목", "다른 문단이 이어집니다.")],
        ),
        (
            [{"id": "1", "parts": [{"no": 1, "utterance": UTTERANCES}, {"no": 2, "utterance": UTTERANCES[:1]}]}],
            "parts.utterance",
            [("1", "오늘 날씨가 참 좋네요"), ("1", "네 그렇네요"), ("1", "오늘 날씨가 참 좋네요")],
        ),
    ],
)  # fmt: skip
def test_a_list_of_objects_with_the_texts_gives_the_rows(tmp_path, value, name, rows):
    table = open_table(saved(tmp_path / "a.json", value))
    text = next(i for i, column in enumerate(table.columns) if column.endswith((".form", ".content", ".context")))
    assert [(row.cells[0], cell_text(row.cells[text])) for row in table.rows()] == rows
    assert f"{tmp_path / 'a.json'}: each object in the list {name} is a row" in table.notes


@pytest.mark.parametrize(
    "row",
    [
        {"text": "홍길동은 학생이다", "entities": [{"text": "홍길동의 아주 긴 이름과 설명", "label": "PS"}]},
        {"sent": "홍길동은 학생이다", "tokens": [{"form": "홍길동", "pos": "NNP"}]},
        {"sent": "홍길동은 학생이다", "entities": [{"text": "홍길동", "label": "PS"}]},
    ],
)
def test_a_row_with_a_text_of_its_own_stays_one(tmp_path, row):
    lines = [json.dumps({**row, "id": i}, ensure_ascii=False) for i in range(3)]
    assert len(read(saved(tmp_path / "a.jsonl", "\n".join(lines)))[1]) == 3


def test_two_lists_with_texts_are_refused_and_a_name_that_comes_twice_sets_its_row_aside(tmp_path):
    both = {"id": 1, "utterance": UTTERANCES, "comments": [{"text": "좋은 대화였어요"}]}
    with pytest.raises(DataError, match=r"its rows hold several lists with texts: utterance, comments\. Save the one"):
        open_table(saved(tmp_path / "a.json", [both]))
    rows = [{"id": i, "utterance": UTTERANCES} for i in range(2)]
    table = open_table(saved(tmp_path / "b.json", [{**rows[0], "utterance.id": "z"}, rows[1]]))
    assert len(list(table.rows())) == 2 and len(table.rejected) == 2
    assert "two values for utterance.id" in table.rejected[0].reason


def test_texts_under_their_labels_are_a_table(tmp_path):
    value = {"긍정": ["좋아요", "최고예요", "또 살게요"], "부정": ["별로예요", "다시는 안 사요"]}
    expected = [(text, label) for label, texts in value.items() for text in texts]
    assert read(saved(tmp_path / "a.json", value)) == (("text", "label"), expected)
    with pytest.raises(
        DataError, match=r"it is not clear whether 긍정, 부정 are their labels or columns\. Save it as a list"
    ):
        open_table(saved(tmp_path / "c.json", {label: texts[:2] for label, texts in value.items()}))


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_lines_with_commas_and_actions_of_elasticsearch_are_read(tmp_path, name):
    lines = [json.dumps(record, ensure_ascii=False) for record in RECORDS]
    assert read(saved(tmp_path / name, ",\n".join(lines) + "\n"))[1] == ROWS
    actions = ['{"index": {"_index": "a", "_id": "1"}}', '{"create": {}}', '{"index":{"_id":"3"}}']
    bulk = "".join(f"{action}\n{line}\n" for action, line in zip(actions, lines, strict=True))
    table = open_table(saved(tmp_path / name, bulk))
    assert [tuple(row.cells) for row in table.rows()] == ROWS and not table.rejected
    assert "actions of Elasticsearch, which are left out" in table.notes[0]
    table = open_table(saved(tmp_path / name, "\n".join([*lines, '{"index": {"_id": 1}}'])))
    assert len(list(table.rows())) == 4  # an object of a user's own


def test_texts_that_are_stored_as_bytes_are_texts(tmp_path):
    cells = {
        "본문": pa.array(["정말 좋아요".encode(), None], pa.binary()),
        "그림": pa.array([b"\x89P\xff", b"\0"], pa.binary()),
    }
    pq.write_table(pa.table({"종류": ["구매", "판매"], **cells}), tmp_path / "a.parquet")
    table = open_table(tmp_path / "a.parquet")
    rows = [row.cells for row in table.rows()]
    assert rows == [("구매", "정말 좋아요", b"\x89P\xff"), ("판매", None, b"\0")]
    with open_writer(tmp_path / "b.parquet", table.columns, types=table.types) as writer:
        for row in rows:
            writer.write(row)
    assert pq.read_table(tmp_path / "b.parquet").equals(pq.read_table(tmp_path / "a.parquet"))


@pytest.mark.parametrize("value", ["{}", "[]", "1", '"가"'])
def test_a_list_of_empty_values_is_refused_before_it_is_read_to_its_end(tmp_path, monkeypatch, value):
    monkeypatch.setattr(json_reader, "ASKED_AT", 1_000)
    path = tmp_path / "a.json"
    rows = ['{"text": "좋아요"}'] * 100 + [value] * 1_900
    path.write_text(f"[{','.join(rows)}]broken", encoding="utf-8")  # whoever reads to the end meets something else
    with pytest.raises(DataError, match="of its first 1,000 JSON values only 100 are objects with something in them"):
        open_table(path)


def test_an_object_that_would_fill_the_memory_is_refused_before_it_is_parsed(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"data": [{"text": "좋아요"}' + ",{}" * 3_400_000 + "broken", encoding="utf-8")
    with pytest.raises(DataError, match="is one JSON object that would take more than 1,000,000,000 bytes of memory"):
        open_table(path)
