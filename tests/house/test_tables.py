from munjang.tables import display_width, format_table, markdown_table, pad_cell, shorten_text


def test_hangul_takes_two_columns_and_a_decomposed_syllable_as_many_as_a_composed_one():
    import unicodedata

    assert display_width("문장") == 4
    assert display_width(unicodedata.normalize("NFD", "문장")) == 4
    assert display_width("a\u200bé") == 2


def test_every_line_of_a_table_with_hangul_is_equally_wide():
    lines = format_table(["label", "rows", "note"], [["긍정", 75_000, "|"], ["negative", 3, "|"]]).splitlines()
    assert lines[2] == "긍정      75,000  |"
    assert lines[3] == "negative       3  |"
    assert display_width(lines[2]) == display_width(lines[3])


def test_numbers_stand_right_and_words_left_and_nothing_is_a_dash():
    table = format_table(["split", "mean", "share"], [["train", 35.25, "1.5%"], ["test", None, "-"]])
    assert table.splitlines()[2:] == ["train  35.250   1.5%", "test        -      -"]


def test_a_line_break_in_a_cell_does_not_break_the_table():
    assert len(format_table(["text"], [["첫 줄\n둘째\t줄\x00"]]).splitlines()) == 3


def test_a_long_cell_is_cut_at_its_display_width():
    assert shorten_text("가나다라마", 6) == "가나…"
    assert display_width(shorten_text("가나다라마", 6)) <= 6
    assert shorten_text("가나다", 6) == "가나다"


def test_empty_names_give_a_table_without_a_header():
    assert format_table(["", ""], [["rows", 1200]], indent="  ") == "  rows  1,200"


def test_a_table_without_rows_shows_its_header():
    assert format_table(["a", "b"], []) == "a  b\n-  -"


def test_padding_never_cuts():
    assert pad_cell("문장", 3) == "문장"
    assert pad_cell("문장", 6, right=True) == "  문장"


def test_markdown_shows_the_signs_of_a_cell_as_they_stand():
    table = markdown_table(["이름", "rows"], [["a|b <i> _x_ batch_size &lt;", 1200]])
    assert table.splitlines() == [
        "| 이름 | rows |",
        "| --- | ---: |",
        "| a\\|b \\<i\\> \\_x\\_ batch_size &amp;lt; | 1,200 |",
    ]
