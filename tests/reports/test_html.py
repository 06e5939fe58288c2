import base64
import re
from io import BytesIO

from fontTools.ttLib import TTFont

from munjang.reports import html as page


def test_what_came_from_data_is_escaped_in_every_piece():
    evil = "<script>alert('1')</script>&\""
    pieces = [
        page.paragraph(evil),
        page.table([evil], [[evil]]),
        page.section(evil, page.preformatted(evil)),
        page.folded(evil, page.subheading(evil)),
        page.score_box(evil, evil, evil),
    ]
    document = page.html_page(evil, pieces)
    assert "<script" not in document
    assert document.count("&lt;script&gt;") == 11  # ten times in the pieces, once as the title
    assert "script-src" not in document and "default-src 'none'" in document


def test_numbers_stand_right_and_sentences_keep_their_spaces():
    table = page.table(["text", "label", "score"], [["두  칸", "긍정", "0.98"]], texts=[0])
    assert '<td class="text">두  칸</td><td class="name">긍정</td><td class="number">0.98</td>' in table


def test_a_section_without_content_is_left_out():
    assert page.section("Errors", "", "") == "" and page.side_by_side("", "") == "" and page.paragraph("") == ""


def test_the_page_carries_a_font_for_its_own_hangul_only():
    document = page.html_page("문장", [page.paragraph("뷁 ㅋ")])
    data = re.search(r"base64,([^)]+)\)", document).group(1)
    characters = set(TTFont(BytesIO(base64.b64decode(data))).getBestCmap())
    assert characters == set(map(ord, "문장뷁ㅋ"))
    assert "base64" not in page.html_page("no Hangul", [])


def test_the_page_asks_for_nothing_from_outside():
    assert not re.search(r'(?:src|href)="(?!data:|#)|url\((?!data:|#)|@import', page.html_page("문장", []))
