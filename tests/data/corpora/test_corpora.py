"""The table of corpora: every row answers the same questions and loads from the hub, the cache and a data folder."""

import logging
import re
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from hub_corpora import PARQUET, SHUFFLED_3I4K, class_in, converted, repositories
from hub_standin import HubStandin, classes, parquet

from munjang.data.corpora import hub
from munjang.data.corpora import table as corpora
from munjang.data.corpora.checksums import WrongChecksum
from munjang.data.corpora.schema import Original
from munjang.data.corpora.table import CORPORA, corpus_row, load_corpus
from munjang.errors import DataError, FetchError, UnknownName
from munjang.records import SPLITS, names_of

ON_THE_HUB = [name for name, row in CORPORA.items() if row.hub]
SAMPLES = [name for name, row in CORPORA.items() if row.embedded]


@pytest.fixture
def alone(monkeypatch, tmp_path):
    """Empty caches, no data folder, and addresses of the hub at which no one answers."""
    for name in ("MUNJANG_DATA", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("MUNJANG_CACHE", str(tmp_path / "originals"))
    for name, row in CORPORA.items():  # the makers' addresses are the real network
        monkeypatch.setitem(CORPORA, name, replace(row, originals=tuple(elsewhere(item) for item in row.originals)))
    return tmp_path


def elsewhere(original: Original) -> Original:
    return replace(original, url=f"http://127.0.0.1:9/{original.name}")


@pytest.fixture
def standin(alone, monkeypatch):
    with HubStandin(repositories()) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


# The table


@pytest.mark.parametrize("row", CORPORA.values(), ids=CORPORA)
def test_every_row_says_what_a_user_needs(row):
    assert row.title and row.licence and row.citation
    assert row.task in ("classification", "multi-label", "parsing")
    assert row.about in ("sentiment", "hate", "sarcasm", "intent", "topic", "language", "emotion", "structure")
    assert len(row.labels) >= 2
    assert [row.labels.resolve(str(number)) for number in range(len(row.labels))] == list(row.labels.names)
    assert row.embedded or (row.homepage.startswith("https://") and set(row.rows) <= set(SPLITS))
    for original in row.originals:
        assert original.split in row.rows
        assert re.fullmatch("[0-9a-f]{64}|", original.sha256)
    for place in row.hub:
        assert place.revision in (PARQUET, "main") or re.fullmatch("[0-9a-f]{40}", place.revision)


def test_a_bare_name_means_the_default_configuration():
    assert corpus_row("kor_hate").name == "kor_hate:hate"


def test_an_unknown_corpus_names_the_nearest():
    with pytest.raises(UnknownName, match=r"Unknown corpus 'nsmcc'\. Did you mean nsmc\?"):
        load_corpus("nsmcc")


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_load_without_network_or_data_folder(name, alone):
    corpus = load_corpus(name)
    assert not alone.joinpath("hub").exists()
    for split in (corpus.train, corpus.test):
        assert {example.label for example in split} == set(corpus.labels.names)
    assert not {e.text for e in corpus.train} & {e.text for e in corpus.test}
    assert corpus.train[0].line >= 2 and corpus.train[0].file.endswith(".tsv")


# The hub


@pytest.mark.parametrize("name", ON_THE_HUB)
def test_every_row_of_the_table_loads_from_the_hub_with_its_labels_by_name(name, standin):
    corpus = load_corpus(name)
    row = CORPORA[name]
    column = ("kor_hate:hate", "kor_hate:bias", "kor_hate:gender_bias").index(name) if "kor_hate" in name else 0
    splits = set(row.rows) | ({"test"} if row.made_test and "validation" not in row.rows else set())
    if "test" not in splits:  # KLUE hides its own: the validation split stands for it
        splits = {"train", "test"}
    for split in splits:
        assert corpus.split(split)
        for example in corpus.split(split):
            named = class_in(example.text, column) if corpus.task != "parsing" else example.label.words[0]
            assert corpus.labels.resolve(named) in names_of(example.label)
    assert {n for e in corpus.train for n in names_of(e.label)} == set(corpus.labels.names)
    assert corpus.card.source.startswith("hub, ") and row.hub[0].repo in corpus.card.source
    assert any(note.startswith("partial: ") for note in corpus.card.notes)  # a few made-up rows are not the whole


def test_the_standin_shuffles_a_class_order_that_numbers_alone_would_read_wrongly():
    table = CORPORA["kor_3i4k"].labels
    assert [table.index(name) for name in SHUFFLED_3I4K] != list(range(len(table)))


def test_a_multi_label_text_has_its_names_in_the_order_of_the_table(standin):
    example = load_corpus("kmhas").train[0]
    assert example.label == ("출신차별", "해당사항없음")


def test_only_the_wanted_configuration_is_downloaded(standin):
    load_corpus("ynat")
    fetched = [line for line in standin.asked if "/resolve/" in line]
    assert fetched and not any("nli" in line for line in fetched)


def test_a_corpus_in_the_cache_is_read_without_a_single_request(standin, monkeypatch):
    first = load_corpus("kor_sarcasm")
    standin.asked.clear()
    assert load_corpus("kor_sarcasm").train == first.train
    assert standin.asked == []
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert load_corpus("kor_sarcasm").card.source.startswith("cache of the hub")


def test_offline_nothing_is_asked_and_the_error_says_what_to_do(standin, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(FetchError) as caught:
        load_corpus("nsmc")
    assert standin.asked == []
    message = str(caught.value)
    assert "\n" not in message
    for part in ("data folder (none given)", "local cache", "e9t/nsmc", "Unset HF_HUB_OFFLINE", "ratings_train.txt"):
        assert part in message


def test_without_a_network_the_error_names_everything_that_was_tried(alone):
    with pytest.raises(FetchError) as caught:
        load_corpus("nsmc", str(alone))
    message = str(caught.value)
    assert f"{alone}/nsmc (no such folder)" in message
    assert "127.0.0.1:9 e9t/nsmc at refs/convert/parquet" in message and "Blpeng/nsmc" in message
    assert "ratings_train.txt" in message and 'data_dir="DIR"' in message and "\n" not in message


def test_a_corpus_that_the_hub_lost_is_taken_from_its_second_place(standin):
    del standin.repos["e9t/nsmc", PARQUET]
    lines = ["id,document,label", '1,"좋아요, ""최고""",1', "2,별로,0"]
    standin.repos["Blpeng/nsmc", "main"] = {f"{s}.csv": "\n".join(lines).encode() for s in ("train", "test")}
    corpus = load_corpus("nsmc")
    assert [(e.text, e.label) for e in corpus.train] == [('좋아요, "최고"', "긍정"), ("별로", "부정")]
    assert "Blpeng/nsmc" in corpus.card.source


def test_a_class_outside_the_table_is_refused_by_name(standin):
    file = parquet({"document": ["글"], "label": [0]}, {"label": classes("negative", "positive", "mixed")})
    standin.repos["e9t/nsmc", PARQUET] = converted(file, "train", "test")
    with pytest.raises(DataError, match=r"has a class 'mixed' that nsmc does not have .*\(부정, 긍정\)"):
        load_corpus("nsmc")


def test_a_missing_column_names_the_columns_that_are_there(standin):
    file = parquet({"review": ["글"], "label": [0]}, {"label": classes("negative", "positive")})
    standin.repos["e9t/nsmc", PARQUET] = converted(file, "train", "test")
    with pytest.raises(DataError, match=r"has no column 'document'; it has review, label"):
        load_corpus("nsmc")


def test_a_download_with_a_wrong_checksum_is_refused_and_not_kept(standin):
    standin.announced["default/train/0000.parquet"] = "0" * 64
    with pytest.raises(WrongChecksum, match=r"has the checksum .* expected 000000000000"):
        load_corpus("kor_sae")
    del standin.announced["default/train/0000.parquet"]
    assert load_corpus("kor_sae").train


def test_the_hub_lists_its_datasets_in_a_language(standin):
    standin.tags = {
        "e9t/nsmc": ["language:ko", "license:cc0-1.0", "task_categories:text-classification"],
        "other/english": ["language:en"],
        "other/korean": ["language:ko"],
    }
    listed = hub.list_datasets("ko", 10)
    assert [item.name for item in listed] == ["e9t/nsmc", "other/korean"]
    assert listed[0].licences == ("cc0-1.0",) and listed[0].tasks == ("text-classification",)


def test_an_address_that_is_no_hub_is_said_and_not_a_traceback(standin):
    standin.plain["/api/datasets"] = standin.plain["/"] = b"<html>please log in</html>"
    with pytest.raises(FetchError, match=r"could not be asked \(JSONDecodeError"):
        hub.list_datasets("ko", 10)


# The makers' own addresses


NSMC_LINES = 'id\tdocument\tlabel\n1\t"따옴표로 시작\t0\n2\tNA\t1\n3\t줄\u2028바꿈\t1\n4\t\t0\n'.encode()


def serve_originals(standin, monkeypatch, digest: str) -> None:
    """Take nsmc from the hub's places and serve its original files instead."""
    standin.repos.clear()
    row = CORPORA["nsmc"]
    files = tuple(replace(item, url=f"{standin.url}/{item.name}", sha256=digest) for item in row.originals)
    standin.plain |= {f"/{item.name}": NSMC_LINES for item in files}
    monkeypatch.setitem(CORPORA, "nsmc", replace(row, originals=files))


def test_original_files_are_the_last_resort_and_are_kept(standin, monkeypatch):
    serve_originals(standin, monkeypatch, sha256(NSMC_LINES).hexdigest())
    assert load_corpus("nsmc").card.source.startswith("original files")
    standin.asked.clear()
    corpus = load_corpus("nsmc")
    assert standin.asked == [] and corpus.card.source.startswith("cache of original files")


def test_an_original_file_with_a_wrong_checksum_is_refused(standin, monkeypatch, alone):
    serve_originals(standin, monkeypatch, "f" * 64)
    with pytest.raises(WrongChecksum, match=r"expected ffffffffffff"):
        load_corpus("nsmc")
    assert not [path for path in alone.joinpath("originals").rglob("*") if path.is_file()]


# Data folders


def write(folder: Path, name: str, content: bytes | str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_data_folder_goes_before_cache_and_hub(standin, tmp_path, monkeypatch):
    write(tmp_path / "nsmc", "ratings_train.txt", NSMC_LINES)
    write(tmp_path / "nsmc", "ratings_test.txt", NSMC_LINES)
    monkeypatch.setenv("MUNJANG_DATA", str(tmp_path))
    assert "ratings_train.txt" in load_corpus("nsmc").card.source
    assert standin.asked == []


def test_review_lines_keep_quotes_and_words_that_look_like_missing_values(alone):
    write(alone / "nsmc", "ratings_train.txt", NSMC_LINES)
    train = load_corpus("nsmc", str(alone)).train
    assert [e.text for e in train] == ['"따옴표로 시작', "NA", "줄\u2028바꿈", ""]
    assert [e.label for e in train] == ["부정", "긍정", "긍정", "부정"]
    assert [e.line for e in train] == [2, 3, 4, 5]


def test_quoted_csv_keeps_line_breaks_and_counts_physical_lines(alone):
    write(alone / "kor_sarcasm", "train.csv", ',tokens,label\n0,"첫 줄\n둘째 줄",1\n1,\'홑따옴표,0\n')
    train = load_corpus("kor_sarcasm", str(alone)).train
    assert [(e.text, e.label, e.line) for e in train] == [
        ("첫 줄\n둘째 줄", "비꼼", 2),
        ("'홑따옴표", "비꼼 아님", 4),
    ]


def test_files_without_a_header_and_with_a_byte_order_mark(alone):
    write(alone / "kor_3i4k", "fci_train_val.txt", "0\t연두색\r\n6\t그래 \r\n")
    train = load_corpus("kor_3i4k", str(alone)).train
    assert [(e.text, e.label) for e in train] == [("연두색", "단편"), ("그래 ", "억양의존")]
    write(alone / "kor_sae", "sae4k_v1.txt", "\ufeff불 꺼 줘\t불 끄기\t4\r\n몇 시야\t시각\t2")
    corpus = load_corpus("kor_sae", str(alone))
    assert [(e.text, e.label) for e in (*corpus.train, *corpus.test)] == [("불 꺼 줘", "요구"), ("몇 시야", "설명의문")]


def test_the_dev_file_of_kor_hate_is_its_test_split_and_its_classes_have_korean_names(alone):
    header = "comments\tcontain_gender_bias\tbias\thate\n"
    write(alone / "kor_hate", "train.tsv", header + "가\tFalse\tnone\thate\n나\tTrue\tgender\toffensive\n")
    write(alone / "kor_hate", "dev.tsv", header + "다\tFalse\tothers\tnone\n")
    loaded = {name: load_corpus(f"kor_hate:{name}", str(alone)) for name in ("hate", "bias", "gender_bias")}
    assert {name: [e.label for e in (*c.train, *c.test)] for name, c in loaded.items()} == {
        "hate": ["혐오", "공격적", "없음"],
        "bias": ["없음", "성별", "기타"],
        "gender_bias": ["없음", "있음", "없음"],
    }
    assert all(len(c.test) == 1 and not c.validation for c in loaded.values())


@pytest.mark.parametrize("labels", [[0, 1], ["negative", "positive"], ["부정", "긍정"], ["0", "1"]])
def test_parquet_labels_may_be_numbers_or_any_name_of_the_class(labels, alone):
    write(alone / "nsmc", "train.parquet", parquet({"id": ["1", "2"], "document": ["가", None], "label": labels}))
    train = load_corpus("nsmc", str(alone)).train
    assert [(e.text, e.label, e.line) for e in train] == [("가", "부정", 1), ("", "긍정", 2)]


def test_multi_label_cells_may_be_names_between_bars_or_numbers_between_commas(alone):
    write(alone / "kmhas", "train.parquet", parquet({"text": ["가"], "label": ["politics|origin"]}))
    write(alone / "kmhas", "kmhas_valid.txt", "document\tlabel\n나\t0,2\n")
    corpus = load_corpus("kmhas", str(alone))
    assert corpus.train[0].label == corpus.validation[0].label == ("출신차별", "정치성향차별")


def test_a_validation_file_of_a_corpus_without_a_validation_split_is_its_test(alone):
    columns = {"comments": ["가"], "contain_gender_bias": [True], "bias": ["none"], "hate": ["none"]}
    write(alone / "kor_hate", "train.parquet", parquet(columns))
    write(alone / "kor_hate", "validation.parquet", parquet(columns))
    corpus = load_corpus("kor_hate:gender_bias", str(alone))
    assert (len(corpus.train), len(corpus.validation), len(corpus.test)) == (1, 0, 1)
    assert corpus.test[0].label == "있음"


def test_a_split_column_fills_the_splits(alone):
    columns = {"text": ["안녕", "hello"], "label": ["ko", "en"], "split": ["train", "test"], "treebank": ["", ""]}
    write(alone / "langid", "langid.parquet", parquet(columns))
    corpus = load_corpus("langid", str(alone))
    assert (corpus.train[0].label, corpus.test[0].label) == ("ko", "en")


def test_all_parts_of_a_split_are_read_and_the_original_goes_before_a_sample(alone):
    for i, text in enumerate("가나"):
        file = parquet({"document": [text], "label": [i]})
        write(alone / "nsmc" / "data", f"train-0000{i}-of-00002.parquet", file)
    write(alone / "nsmc", "ratings_test_sample.txt", NSMC_LINES)
    corpus = load_corpus("nsmc", str(alone))
    assert [e.text for e in corpus.train] == ["가", "나"] and len(corpus.test) == 4
    write(alone / "nsmc", "ratings_test.txt", NSMC_LINES)
    assert "ratings_test.txt" in load_corpus("nsmc", str(alone)).card.source


def test_a_part_of_a_corpus_is_taken_and_its_card_says_so(alone, caplog):
    caplog.set_level(logging.INFO, "munjang")
    write(alone / "ynat", "train.parquet", parquet({"guid": ["a"], "title": ["제목"], "label": ["정치"]}))
    write(alone / "ynat", "validation.parquet", parquet({"guid": ["b"], "title": ["제목"], "label": ["경제"]}))
    corpus = load_corpus("ynat", str(alone))
    assert "partial: train 1 of 45,678 rows; validation 1 of 9,107 rows" in corpus.card.notes
    assert "partial: train 1 of 45,678 rows" in caplog.text
    assert (len(corpus.validation), [e.label for e in corpus.test]) == (0, ["경제"])
    assert "test: the validation split of the source" in corpus.card.notes


def test_where_train_is_missing_the_validation_split_takes_its_place(alone):
    write(alone / "kote", "valid.parquet", parquet({"text": ["가"], "label": ["기쁨|행복"]}))
    write(alone / "kote", "test.parquet", parquet({"text": ["나"], "label": ["슬픔"]}))
    corpus = load_corpus("kote", str(alone))
    assert (len(corpus.train), len(corpus.validation), len(corpus.test)) == (1, 0, 1)
    assert "there is no train split here: the validation split is used as train" in corpus.card.notes


def test_the_one_file_of_kor_sae_is_split_the_same_way_every_time(alone):
    lines = [f"문장 {i} 해 줘\t인자\t{i % 6}" for i in range(300)]
    write(alone / "kor_sae", "sae4k_v1.txt", "\n".join([*lines, lines[0]]))
    one, same, other = (load_corpus("kor_sae", str(alone), seed=seed) for seed in (13, 13, 14))
    assert one.test == same.test != other.test
    assert len(one.test) == 30 and {e.label for e in one.test} == set(one.labels.names)
    assert not {e.text for e in one.train} & {e.text for e in one.test}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("ratings_train.txt", "id\tdocument\tlabel\n1\t글\t3\n", r"line 2: unknown label '3'\. nsmc has 부정, 긍정"),
        ("ratings_train.txt", "id\tdocument\tlabel\n1\t글\t0\n2\t글\n", r"line 3: too few fields, 2 for 3\. Fix"),
        ("ratings_train.txt", "id\ttext\tlabel\n1\t글\t0\n", r"no column 'document'; it has id, text, label"),
        ("ratings_train.txt", "id\tdocument\tlabel\n1\t글\t0\n".encode("cp949"), "2: not utf-8: .* reads as cp949"),
        ("ratings_train.txt", "id\tdocument\tlabel\n", "no rows of nsmc in it"),
        ("train.csv", 'id,document,label\n1,"좋다" 고,1\n', "line 2: a quote that does not close where a field ends"),
        ("ratings_train.txt", "", "has no columns, expected 'document'"),
        ("train.parquet", b"PAR1 cut short", "is no readable Parquet file"),
        ("train.parquet", parquet({"document": ["글"], "label": [None]}), r"line 1: unknown label ''"),
    ],
)
def test_a_broken_file_is_one_line_that_names_file_and_place(name, content, message, alone):
    path = write(alone / "nsmc", name, content)
    with pytest.raises(DataError, match=message) as caught:
        load_corpus("nsmc", str(alone))
    assert str(path.parent) in str(caught.value) and "\n" not in str(caught.value)


def test_a_data_folder_that_does_not_exist_is_said(alone):
    with pytest.raises(DataError, match="There is no data folder"):
        load_corpus("nsmc", str(alone / "nowhere"))


def test_only_one_module_of_the_data_room_names_the_hub_library():
    folder = Path(corpora.__file__).parent
    naming = {path.name for path in folder.glob("*.py") if re.search("(import|from) huggingface_hub", path.read_text())}
    assert naming == {"hub.py"}


# The real corpora

COUNTS = {
    "nsmc": (150_000, 0, 25_000),
    "kor_hate:hate": (7_896, 0, 471),
    "kor_hate:bias": (7_896, 0, 471),
    "kor_hate:gender_bias": (7_896, 0, 471),
    "kor_sarcasm": (9_000, 0, 301),
    "kor_sae": (27_754, 0, 3_083),
    "kor_3i4k": (55_134, 0, 6_121),
    "ynat": (36_547, 0, 4_554),
    "langid": (24_614, 0, 6_150),
    "kmhas": (8_776, 0, 21_939),
    "kote": (5_000, 0, 5_000),
}


@pytest.mark.corpora
@pytest.mark.parametrize("name", COUNTS)
def test_the_real_corpora_load_whole(name, data_dir):
    corpus = load_corpus(name, str(data_dir))
    assert tuple(len(getattr(corpus, split)) for split in SPLITS) == COUNTS[name]
    assert {n for e in corpus.train for n in names_of(e.label)} == set(corpus.labels.names)


@pytest.mark.corpora
def test_the_checksums_of_the_table_are_those_of_the_official_files(data_dir):
    checked = 0
    for row in CORPORA.values():
        for original in row.originals:
            path = data_dir / row.folder / original.name
            if original.sha256 and path.exists():
                assert sha256(path.read_bytes()).hexdigest() == original.sha256
                checked += 1
    assert checked >= 7
