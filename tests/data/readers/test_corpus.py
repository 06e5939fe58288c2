"""A user's file as a corpus: labels by rules, splits, and every row accounted for."""

import logging

import pytest

from munjang.config.settings import ReadOptions
from munjang.data.cleaning.clean import clean_corpus
from munjang.data.readers.corpus import read_corpus
from munjang.errors import ConfigError, DataError

REVIEWS = [("정말 좋아요", "긍정"), ("별로예요", "부정"), ("최고였다", "긍정"), ("지루했다", "부정")]


def write(path, rows, header=("본문", "감정")):
    path.write_text("".join("\t".join(row) + "\n" for row in [header, *rows]), encoding="utf-8")
    return path


def read(path, **options):
    return read_corpus(path, options=ReadOptions(**options))


def stars(tmp_path):
    return write(tmp_path / "a.tsv", [(f"글 {n}", str(n % 5 + 1)) for n in range(20)], ("리뷰", "평점"))


def test_columns_are_guessed_and_said(tmp_path, caplog):
    with caplog.at_level(logging.INFO, "munjang"):
        corpus = read_corpus(write(tmp_path / "reviews.tsv", REVIEWS))
    assert [(example.text, example.label, example.line) for example in corpus.train] == [
        (text, label, line) for line, (text, label) in enumerate(REVIEWS, 2)
    ]
    assert corpus.labels.names == ("긍정", "부정")
    assert (corpus.name, corpus.task) == ("reviews", "classification")
    said = caplog.text
    for part in ("utf-8, tab delimiter, unquoted", "texts in column 본문 (by its name", "labels in column 감정"):
        assert part in said
    assert any("texts in column 본문" in note for note in corpus.card.notes)


def test_named_columns_are_taken_as_named(tmp_path):
    path = write(
        tmp_path / "a.tsv",
        [("글 하나", "a", "x"), ("글 둘", "b", "x"), ("글 셋", "a", "x"), ("글 넷", "b", "y")],
        "칸둘셋",
    )
    corpus = read_corpus(path, text="칸", label="둘")
    assert [example.label for example in corpus.train] == ["a", "b", "a", "b"]
    with pytest.raises(DataError, match=r"No column '본문' in .*a\.tsv; it has 칸, 둘, 셋"):
        read_corpus(path, text="본문")
    with pytest.raises(ConfigError, match="both name the column 칸"):
        read_corpus(path, text="칸", label="칸")


def test_na_and_null_stay_texts(tmp_path):
    rows = [("NA", "null"), ("null", "NA"), ("nan", "null"), ("None", "NA")]
    corpus = read_corpus(write(tmp_path / "a.tsv", rows))
    assert [(example.text, example.label) for example in corpus.train] == rows
    assert corpus.labels.names == ("NA", "null")


def test_numbers_are_in_their_order_and_whole(tmp_path):
    rows = [(f"글 {n}", label) for n, label in enumerate(["10.0", "9", "10", "9.0"])]
    corpus = read_corpus(write(tmp_path / "a.tsv", rows))
    assert corpus.labels.names == ("9", "10")
    assert [example.label for example in corpus.train] == ["10", "9", "10", "9"]


def test_a_label_with_one_example_is_set_aside_with_the_remedy(tmp_path):
    corpus = read_corpus(write(tmp_path / "a.tsv", [*REVIEWS, ("셋째", "3")]))
    assert corpus.labels.names == ("긍정", "부정")
    assert len(corpus.train) == 4
    (row,) = corpus.rejected
    assert (row.line, row.text, row.label, row.step) == (6, "셋째", "3", "label")
    assert "map=…" in row.reason and "labels=…" in row.reason


def test_a_fixed_set_keeps_its_order_and_leaves_others_for_cleaning(tmp_path):
    corpus = read(write(tmp_path / "a.tsv", [*REVIEWS, ("셋째", "3")]), labels=("부정", "긍정"))
    assert corpus.labels.names == ("부정", "긍정")
    assert corpus.train[-1].label == "3"
    assert any("outside the set, for cleaning to remove: '3' (1)" in note for note in corpus.card.notes)


def test_class_numbers_stand_for_the_names_of_a_fixed_set(tmp_path):
    path = write(tmp_path / "a.tsv", [("가", "0"), ("나", "1"), ("다", "3")])
    corpus = read(path, labels=("부정", "긍정"))
    assert corpus.labels.resolve("1") == "긍정"
    assert any("0 = 부정, 1 = 긍정" in note for note in corpus.card.notes)
    path = write(tmp_path / "b.tsv", [("가", "1"), ("나", "2")])
    with pytest.raises(DataError, match=r"no row has one of the labels 부정, 긍정; it has '1', '2'\. Say map="):
        read(path, labels=("부정", "긍정"))


def test_a_map_turns_stars_into_labels_and_says_what_it_dropped(tmp_path):
    corpus = read(stars(tmp_path), map="1,2=부정;4,5=긍정")
    assert corpus.labels.names == ("부정", "긍정")
    assert len(corpus.train) == 16
    assert {(row.step, row.label) for row in corpus.rejected} == {("map", "3")}
    assert len(corpus.rejected) == 4
    assert any("dropped by map=…: '3' (4), 4 rows in all" in note for note in corpus.card.notes)
    with pytest.raises(ConfigError, match="map=… gives '부정', which is not among labels=…"):
        read(stars(tmp_path), map="1=부정;5=긍정", labels=("나쁨", "긍정"))


def test_several_labels_in_a_cell(tmp_path):
    rows = [("가", "분노|슬픔"), ("나", "슬픔"), ("다", ""), ("라", "분노|슬픔")]
    corpus = read(write(tmp_path / "a.tsv", rows), multi_label="|")
    assert corpus.task == "multi-label"
    assert corpus.labels.names == ("분노", "슬픔")
    assert [example.label for example in corpus.train] == [("분노", "슬픔"), ("슬픔",), (), ("분노", "슬픔")]


def test_texts_of_several_columns_are_joined(tmp_path):
    rows = [
        ("제목 하나", "본문 하나", "긍정"),
        ("", " 본문 둘", "부정"),
        ("제목 셋", "본문 셋", "긍정"),
        ("넷", "", "부정"),
    ]
    path = write(tmp_path / "a.tsv", rows, ("제목", "본문", "감정"))
    for text in ("제목,본문", ["제목", "본문"], "1,2"):
        corpus = read_corpus(path, text=text)
        assert [example.text for example in corpus.train] == ["제목 하나 본문 하나", "본문 둘", "제목 셋 본문 셋", "넷"]
    assert len(read_corpus(path, text="제목,본문", test=path).test) == 4
    with pytest.raises(ConfigError, match="both name the column 감정"):
        read_corpus(path, text="본문,감정", label="감정")


def test_two_columns_that_hold_texts_are_both_named(tmp_path):
    rows = [(f"제목 {n}", f"아주 길게 쓴 리뷰의 본문 {n}", "ab"[n % 2]) for n in range(12)]
    corpus = read_corpus(write(tmp_path / "a.tsv", rows, ("제목", "본문", "감정")))
    assert any(
        'column 본문 (by its name; text=… says otherwise; text="본문,제목" joins' in n for n in corpus.card.notes
    )
    path = write(tmp_path / "b.tsv", rows, ("고객 의견", "상담 내용", "감정"))
    path.write_text(path.read_text("utf-8").replace("아주 길게 쓴 ", ""), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_corpus(path)
    assert str(caught.value) == (
        f"{path}: several columns could be the texts: 고객 의견 (4 characters on average), 상담 내용 (8 characters on "
        'average). Say which with text="COLUMN", or join them with text="고객 의견,상담 내용".'
    )


def test_columns_of_ones_and_zeros_are_labels_of_their_own(tmp_path):
    rows = [
        ("가", "1", "0", "O"),
        ("나", "0", "1.0", ""),
        ("다", "TRUE", "x", "X"),
        ("라", "", "", ""),
        ("마", "2", "0", ""),
    ]
    path = write(tmp_path / "a.tsv", rows, ("문장", "여성/가족", "남성", "clean"))
    corpus = read_corpus(path, label="여성/가족,남성,clean")
    assert corpus.task == "multi-label" and corpus.labels.names == ("여성/가족", "남성", "clean")
    assert [example.label for example in corpus.train] == [("여성/가족", "clean"), ("남성",), ("여성/가족",), ()]
    assert [(row.line, row.reason) for row in corpus.rejected] == [(6, "'2' in column 여성/가족 is not 1 or 0")]
    assert corpus.rejected[0].label == "2 0"
    merged = read_corpus(
        path, label=["여성/가족", "남성", "clean"], options=ReadOptions(map="여성/가족,남성=혐오;clean=없음")
    )
    assert [example.label for example in merged.train] == [("혐오", "없음"), ("혐오",), ("혐오",), ()]
    ordered = read_corpus(path, label="여성/가족,남성", test=path, options=ReadOptions(labels=("남성", "여성/가족")))
    assert ordered.labels.names == ("남성", "여성/가족") and len(ordered.test) == 4


def test_one_label_in_a_list_is_a_label_and_several_ask_for_multi_label(tmp_path):
    path = write(
        tmp_path / "a.tsv",
        [("가", "['긍정']"), ("나", '["부정"]'), ("다", "긍정"), ("라", "부정"), ("마", "['긍정', '부정']")],
    )
    corpus = read_corpus(path)
    assert [example.label for example in corpus.train] == ["긍정", "부정", "긍정", "부정"]
    assert corpus.rejected[0].reason == 'several labels in one cell; multi_label="|" reads them'
    assert len(read(path, multi_label="|").train[4].label) == 2


def test_labels_with_commas_can_be_named(tmp_path):
    rows = [("가", "배송, 포장"), ("나", "가격"), ("다", "배송, 포장"), ("라", "가격")]
    path = write(tmp_path / "a.tsv", rows)
    assert read(path, map="배송, 포장=A;가격=B").train[0].label == "A"
    assert read(path, labels=("배송, 포장", "가격")).labels.listing == '"배송, 포장", 가격'
    corpus = read(path, labels=("배송", "포장", "가격"))
    assert any("is in double quotes: labels='\"배송, 포장\",배송'" in note for note in corpus.card.notes)


def test_labels_that_look_the_same_are_one_and_said(tmp_path):
    rows = [("가", "긍정"), ("나", "긍정\u200b"), ("다", "부정"), ("라", "부정\xa0"), ("마", " 부정")]
    corpus = read_corpus(write(tmp_path / "a.tsv", rows))
    assert [example.label for example in corpus.train] == ["긍정", "긍정", "부정", "부정", "부정"]
    (note,) = [note for note in corpus.card.notes if "invisible" in note]
    assert note.endswith(r"'긍정\u200b' (1) = '긍정', '부정\xa0' (1) = '부정', ' 부정' (1) = '부정'")


def test_labels_that_differ_in_case_or_spaces_are_asked_about(tmp_path):
    labels = [
        "Positive",
        "positive",
        "positive",
        "Positive",
        "positive",
        "매우 나쁨",
        "매우나쁨",
        "매우 나쁨",
        "매우나쁨",
    ]
    corpus = read_corpus(write(tmp_path / "a.tsv", [(f"글 {n}", label) for n, label in enumerate(labels)]))
    assert len(corpus.labels) == 4
    (note,) = [note for note in corpus.card.notes if "differ only" in note]
    assert note.endswith(
        "'positive' (3) – 'Positive' (2); '매우 나쁨' (2) – '매우나쁨' (2). If they are one: "
        'map="positive,Positive=positive;매우 나쁨,매우나쁨=매우 나쁨"'
    )
    proposed = note.partition('map="')[2].rstrip('"')
    assert read(tmp_path / "a.tsv", map=proposed).labels.names == ("positive", "매우 나쁨")


def test_stars_are_recognised_and_their_map_is_proposed(tmp_path):
    corpus = read_corpus(stars(tmp_path))
    (note,) = [note for note in corpus.card.notes if "look like stars" in note]
    assert 'map="1-2=부정;4-5=긍정"' in note
    corpus = read(stars(tmp_path), map="1-2=부정;4-5=긍정")
    assert len(corpus.train) == 16 and not any("look like stars" in note for note in corpus.card.notes)
    # other dashes, full-width digits, negative numbers; a value in quotes is no range
    for ranges in ("1~2=부정;4∼5=긍정", "１—２=부정;4-5=긍정", "-1-2.5=부정;3.5 - 5점=긍정", '1-2,"5-4"=부정;4-5=긍정'):
        assert [read(stars(tmp_path), map=ranges).train[n].label for n in range(3)] == ["부정", "부정", "긍정"]
    for wrong in ("5-4", "1-1e999", "1-nan", "1,000-2,000", "1-Infinity", "4,2-1"):
        with pytest.raises(
            ConfigError, match=r"is no range from a lower to a higher number, such as 4-5\. If it is a v"
        ):
            read(stars(tmp_path), map=f"{wrong}=부정;3=긍정")
    path = write(tmp_path / "b.tsv", [(f"글 {n}", f"{1 + n / 10:g}") for n in range(41)], ("리뷰", "평점"))
    with pytest.raises(DataError, match=r"41 different labels in 41 rows; .* look like stars, 1 to 5: map=.1-2=부정"):
        read_corpus(path)
    assert len(read(path, map="1-3.9=불만;4-5=만족").train) == 41


def test_numbers_of_many_digits_stay_apart(tmp_path):
    rows = [(f"글 {n}", f"1234567890123456{n % 2}.0") for n in range(8)]
    assert read_corpus(write(tmp_path / "a.tsv", rows)).labels.names == ("12345678901234560", "12345678901234561")


def test_a_file_without_labels_can_be_cleaned_and_looked_at(tmp_path):
    path = write(tmp_path / "a.tsv", [("가나다",), ("라마",), ("가나다",)], ("본문",))
    with pytest.raises(DataError, match="no column that looks like labels"):
        read_corpus(path)
    corpus = read_corpus(path, purpose="clean")
    assert corpus.labels.names == () and [example.label for example in corpus.train] == [None, None, None]
    assert len(clean_corpus(corpus)[0].train) == 2
    several = write(
        tmp_path / "b.tsv", [(f"글글글글 {n}", "ab"[n % 2], "xyz"[n % 3]) for n in range(12)], ("text", "b", "c")
    )
    with pytest.raises(DataError, match="several columns could be the labels"):
        read_corpus(several, purpose="clean")
    assert any("several columns could be" in note for note in read_corpus(several, purpose="look").card.notes)
    odd = write(tmp_path / "c.tsv", [("가", "긍정"), ("나", "긍정"), ("다", "홀로"), ("라", "")])
    look = read_corpus(odd, purpose="look")
    assert look.labels.names == ("긍정", "홀로") and [example.label for example in look.train][3] is None


def test_a_table_in_memory_is_refused_by_name(tmp_path):
    frame = pytest.importorskip("pandas").DataFrame({"본문": ["가"], "감정": ["긍정"]})
    with pytest.raises(DataError, match=r"takes the path of a file, found a DataFrame\. .*frame\.to_csv"):
        read_corpus(frame)


def test_a_row_without_a_label_is_set_aside_and_one_without_a_text_stays(tmp_path):
    corpus = read_corpus(write(tmp_path / "a.tsv", [*REVIEWS, ("글", ""), ("", "긍정")]))
    assert [(row.line, row.reason) for row in corpus.rejected] == [(6, "no label")]
    assert corpus.train[-1].text == ""


def test_every_row_is_an_example_or_set_aside(tmp_path):
    path = write(
        tmp_path / "a.tsv", [*REVIEWS, ("칸 하나",), ("a", "b", "c"), ("글", ""), ("홀로", "하나뿐"), ("널\0", "긍정")]
    )
    corpus = read_corpus(path)
    lines = [example.line for example in corpus.train] + [row.line for row in corpus.rejected]
    assert sorted(lines) == list(range(2, 11))
    assert [row.step for row in corpus.rejected] == ["read", "read", "label", "read", "label"]


def test_one_label_only_and_no_row_are_errors(tmp_path):
    with pytest.raises(DataError, match=r"a\.tsv: at least two labels .* found '긍정' \(2\)"):
        read_corpus(write(tmp_path / "a.tsv", [("가", "긍정"), ("나", "긍정")]))
    with pytest.raises(DataError, match=r"a\.tsv: no row can be used.*has only column names \(본문, 감정\)"):
        read_corpus(write(tmp_path / "a.tsv", []))
    with pytest.raises(DataError, match=r"line 2: too few fields, 1 for 2"):
        read_corpus(write(tmp_path / "a.tsv", [("칸 하나",)]))


def test_a_column_of_ids_is_no_label_column(tmp_path):
    path = write(tmp_path / "a.tsv", [(f"글 {n}", str(n // 1.5)) for n in range(60)])
    with pytest.raises(DataError, match="different labels in 60 rows; that is not a label column"):
        read_corpus(path)


def test_a_split_column_fills_the_splits(tmp_path):
    rows = [(text, label, split) for text, label in REVIEWS for split in ("train", "dev", "test")]
    corpus = read_corpus(write(tmp_path / "a.tsv", [*rows, ("글", "긍정", "나머지")], ("본문", "감정", "split")))
    assert [len(corpus.split(name)) for name in ("train", "validation", "test")] == [4, 4, 4]
    assert [(row.step, row.line) for row in corpus.rejected] == [("split", 14)]


def test_further_files_are_the_other_splits(tmp_path):
    main = write(tmp_path / "a.tsv", REVIEWS)
    test = write(tmp_path / "b.tsv", [*REVIEWS[:2], ("낯선", "중립")])
    corpus = read_corpus(main, test=test)
    assert len(corpus.test) == 2
    assert corpus.rejected[0].reason == "'중립' does not occur in the training part"
    assert corpus.rejected[0].file == str(test)
    with_split = write(tmp_path / "c.tsv", [(*row, "test") for row in REVIEWS], ("본문", "감정", "split"))
    with pytest.raises(ConfigError, match=r"has test rows in its column split; leave out test=.*b\.tsv.\."):
        read_corpus(with_split, test=test)


def test_folders_and_files_of_labels_are_corpora(tmp_path):
    for label, texts in [("긍정", ["좋아요", "최고"]), ("부정", ["싫어요", "별로"])]:
        (tmp_path / label).mkdir()
        for number, text in enumerate(texts):
            (tmp_path / label / f"{number}.txt").write_text(text, encoding="utf-8")
    corpus = read_corpus(tmp_path)
    assert [(example.text, example.label) for example in corpus.train] == [
        ("좋아요", "긍정"), ("최고", "긍정"), ("싫어요", "부정"), ("별로", "부정"),
    ]  # fmt: skip


def test_a_file_sorted_by_label_is_guessed_right(tmp_path):
    rows = [(f"긴 문장 {n}입니다", f"{n}", "ab"[n > 1500]) for n in range(2500)]
    corpus = read_corpus(write(tmp_path / "a.tsv", rows, ("c1", "c2", "c3")))
    assert corpus.labels.names == ("a", "b")


@pytest.mark.corpora
def test_real_files_of_one_kind_each_become_corpora(data_dir):
    corpus = read(data_dir / "nsmc" / "ratings_test_sample.txt", labels=("부정", "긍정"))
    assert len(corpus.train) == 2000 and not corpus.rejected
    corpus = read(data_dir / "kmhas" / "valid.parquet", multi_label="|")
    assert len(corpus.train) == 8776 and len(corpus.labels) == 9
    corpus = read_corpus(data_dir / "kor_sarcasm" / "train.csv", test=data_dir / "kor_sarcasm" / "test.csv")
    assert (len(corpus.train), len(corpus.test)) == (9000, 301)


SEVERAL = "본문,감정,split\n좋아요,긍정,train\n최고예요,긍정,train\n싫어요,부정,train\n별로예요,부정,train\n"


@pytest.mark.parametrize(
    ("rows", "options", "why"),
    [
        ("좋네,좋음,test\n음,중립,test\n", {}, "'좋음' does not occur in the training part"),
        ("좋네,,test\n", {}, "no label"),
        ("좋네,좋음,test\n", {"map": "긍정=긍정;부정=부정"}, "'좋음' is not among the values of map=…"),
    ],
)
def test_a_split_without_a_usable_row_is_refused_and_not_made_from_train(tmp_path, rows, options, why):
    (tmp_path / "a.csv").write_text(SEVERAL + rows, encoding="utf-8")
    with pytest.raises(DataError, match=rf"a\.csv: no row can be the test split\. .*: line 6: {why}"):
        read(tmp_path / "a.csv", **options)


def test_a_further_file_without_a_usable_row_is_refused_too(tmp_path):
    (tmp_path / "a.csv").write_text(SEVERAL.replace(",split", "").replace(",train", ""), encoding="utf-8")
    (tmp_path / "b.csv").write_text("본문,감정\n좋네,좋음\n음,중립\n", encoding="utf-8")
    for split in ("validation", "test"):
        with pytest.raises(
            DataError, match=rf"b\.csv: no row can be the {split} split\. .* 2 rows set aside: line 2: "
        ):
            read_corpus(tmp_path / "a.csv", **{split: tmp_path / "b.csv"})


def test_rows_set_aside_are_booked_under_the_split_that_they_came_from(tmp_path):
    (tmp_path / "a.csv").write_text(
        SEVERAL + "좋네,긍정,test\n음,중립,test\n음,,validation\n또,부정,dev\n", encoding="utf-8"
    )
    corpus = read_corpus(tmp_path / "a.csv")
    assert [(row.line, row.split) for row in corpus.rejected] == [(8, "validation"), (7, "test")]
    _, cleaning_report = clean_corpus(corpus)
    assert cleaning_report.rows_before == {"train": 4, "validation": 2, "test": 2}
    assert cleaning_report.steps[1].step == "read: label"
    assert cleaning_report.steps[1].removed == {"train": 0, "validation": 1, "test": 1}


def test_labels_are_noted_for_each_split_apart(tmp_path):
    write(tmp_path / "a.tsv", REVIEWS)
    write(tmp_path / "b.tsv", [("좋네", "좋음"), ("싫네", "부정")])
    corpus = read_corpus(tmp_path / "a.tsv", test=tmp_path / "b.tsv", options=ReadOptions(labels=("부정", "긍정")))
    said = [note.partition("a.tsv: ")[2] for note in corpus.card.notes if "a.tsv: labels of" in note]
    assert said == [
        "labels of train 부정 2, 긍정 2",
        "labels of test 부정 1",
        "labels of test outside the set, for cleaning to remove: '좋음' (1)",
    ]


def test_an_error_is_one_line_whatever_it_quotes(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('text,label\n가,"긍\n정"\n나,"부\r\n정"\n', encoding="utf-8")
    with pytest.raises(DataError, match="'긍 정' \\(1\\), '부 정' \\(1\\)"):
        read_corpus(path)


def test_what_programs_write_for_a_missing_label_is_none(tmp_path):
    labels = ["긍정", "부정", "none", "nan", "None", "NaN", "<NA>"]
    path = tmp_path / "a.csv"
    path.write_text(
        "본문,감정\n" + "".join(f"{i}번 글,{label}\n" for i, label in enumerate(labels * 2)), encoding="utf-8"
    )
    corpus = read_corpus(path)
    assert corpus.labels.names == ("none", "긍정", "부정") and len(corpus.train) == 6
    assert any(
        "dropped without a label: 'nan' (2), 'None' (2), 'NaN' (2), '<NA>' (2), 8 rows" in note
        for note in corpus.card.notes
    )
    named = read_corpus(path, options=ReadOptions(labels=("긍정", "부정", "None")))
    assert sum(example.label == "None" for example in named.train) == 2
    mapped = read_corpus(path, options=ReadOptions(map="None,nan=없음;긍정=긍정"))
    assert sum(example.label == "없음" for example in mapped.train) == 4
