"""Templates: what comes from data is escaped in pages and in cards, and a page carries its own font."""

import base64
import re
from io import BytesIO
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont
from jinja2 import UndefinedError

from munjang.export.sample import AnswerDifference
from munjang.files import ASSETS
from munjang.reports.run_report import font_face, write_report
from munjang.reports.templates import environment, render
from munjang.translation import _

EVIL = "<script>alert('1')</script>&\""


def html(body: str, **values: object) -> str:
    """A whole page with this body, which can use the macros of a run's report."""
    source = '{% extends "run.html.j2" %}{% block body %}' + body + "{% endblock %}"
    page = {"title": "page", "css": "", "version": "1", "time": "now", "font_face": font_face}
    return environment("html").from_string(source).render(page | values)


def markdown(source: str, **values: object) -> str:
    return environment("md").from_string(source).render(**values)


def test_what_came_from_data_is_escaped_in_every_piece_of_a_page():
    pieces = """{{ evil }}{{ _("{a}", a=evil) }}{{ remark(evil) }}{{ table([evil], [[evil]]) }}
    {% call section(evil) %}{% call folded(evil) %}<pre>{{ evil }}</pre>{% endcall %}{% endcall %}"""
    document = html(pieces, title=EVIL, evil=EVIL)
    assert "<script" not in document and document.count("&lt;script&gt;") == 9
    assert "script-src" not in document and "default-src 'none'" in document


def test_what_came_from_data_is_escaped_in_a_card_and_marked_markdown_stays():
    card = markdown("{{ evil }} {{ _('**{a}** `b`', a=evil) }} {{ table([[evil], [[evil]]]) }}", evil="a|*b*<c>\n")
    assert card == (
        "a\\|\\*b\\*\\<c\\>\n **a\\|\\*b\\*\\<c\\>\n** `b` | a\\|\\*b\\*\\<c\\>  |\n| --- |\n| a\\|\\*b\\*\\<c\\>  |"
    )
    counted = "{{ ngettext('{count} of {a}', '{count} of {a}s', 2, a=evil) }}"
    assert markdown(counted, evil="*x*") == "2 of \\*x\\*s"


def test_macros_and_blocks_of_a_card_are_escaped_once():
    source = "{% macro bold(text) %}**{{ text }}**{% endmacro %}{{ bold('a*b') }} {{ 'a`b'|code }} {{ 'a*b'|json }}"
    assert markdown(source) == '**a\\*b** `a\'b` "a*b"'


def test_numbers_stand_right_and_sentences_keep_their_spaces():
    page = html("{{ table(['text', 'label', 'score'], [['두  칸', '긍정', '0.98'], ['세  칸', '부정', None]], [0]) }}")
    assert '<td class="text">두  칸</td><td class="name">긍정</td><td class="number">0.98</td>' in page


def test_the_page_carries_a_font_for_its_own_hangul_only():
    data = re.search(r"base64,([^)]+)\)", html("<p>뷁 ㅋ</p>", title="문장")).group(1)
    characters = set(TTFont(BytesIO(base64.b64decode(data))).getBestCmap())
    assert characters == set(map(ord, "문장뷁ㅋ"))
    assert "base64" not in html("<p>no Hangul</p>")


def test_the_page_asks_for_nothing_from_outside():
    assert not re.search(r'(?:src|href)="(?!data:|#)|url\((?!data:|#)|@import', html("<p>문장</p>"))


def test_the_page_names_the_language_that_it_is_in(tmp_path, korean):
    page = write_report(tmp_path / "a.html", title=_("Unknown label '{label}'.", label="<b>")).read_text("utf-8")
    assert '<html lang="ko">' in page and "<h1>알 수 없는 라벨 &#39;&lt;b&gt;&#39;입니다.</h1>" in page


def test_without_a_catalogue_the_page_is_in_english():
    assert '<html lang="en">' in html("")


def test_a_name_that_is_not_given_is_an_error():
    with pytest.raises(UndefinedError, match="'nothing' is undefined"):
        markdown("{{ nothing }}")


@pytest.mark.parametrize("path", sorted((ASSETS / "templates").iterdir()), ids=lambda path: path.name)
def test_every_template_can_be_read(path: Path):
    kind = path.suffixes[0][1:]
    assert path.suffix == ".j2" and kind in ("md", "html")
    assert environment(kind).get_template(path.name)


def test_a_task_without_a_template_of_its_own_gets_that_of_all():
    values = {"card": "# m", "activations": None, "difference": AnswerDifference(9, 0.0, 0.0, 1.0)}
    card = render("exported.md", "../card", **values)
    assert card == render("exported.md", **values) and "100.0% of the labels agree on 9 sentences" in card
