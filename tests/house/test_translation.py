"""Texts for users: marked where they stand, with fields that fit, and given in the language in use."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest
import typer
from jinja2 import nodes
from jinja2.ext import babel_extract
from user_texts import template_tree, unmarked_texts

import munjang
from munjang import translation
from munjang.cli import app
from munjang.cli.options import FLAGS, flag, flag_form
from munjang.data.corpora.suites import SUITES
from munjang.data.corpora.table import CORPORA, load_corpus
from munjang.reports.templates import environment
from munjang.translation import N_, _, ngettext, option_text, options_as, set_language

PACKAGE = Path(munjang.__file__).parent
TEMPLATES = sorted(PACKAGE.rglob("*.j2"))
SOURCES = {path: ast.parse(path.read_text("utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}

ENGLISH_FILES = {
    "__init__.py": "an AttributeError in Python's own words",
    "assets/fonts/make_font.py": "the licence inside the font",
    "serving/metrics.py": "help of Prometheus metrics",
    "serving/pages.py": "the page at /docs, which shows what OpenAPI says",
    "serving/playground/assets.py": "a Content-Security-Policy",
    "training/cache.py": "why an entry of the cache is not used, for the log",
}
"""Files whose unmarked texts stay English, and why."""
OPENAPI_KEYWORDS = ("summary", "description")
"""What routes say in OpenAPI stays English too; it is given by these keywords in serving/."""
PROPER_NAMES = {
    *(row.citation for row in CORPORA.values()),
    *(suite.citation for suite in SUITES.values()),
    *(" ".join(row.labels.names) for row in CORPORA.values()),
}
"""Citations and names of labels."""
VALUES = {
    " the minimum score ",  # notes of predictions, in files and JSON like "empty" and "truncated to …"
    ", the threshold for a precision of ",
    "out of scope",
    "leak between corpora",  # the name of a step, in removed.csv like "duplicate"
    "), vocabulary from the train texts",  # origins of a network, in munjang.json
    "TF-IDF of character n-grams, linear classifier",
    "outside lower center",  # where matplotlib puts a legend
}
"""Values for programs, which stay English."""


def test_a_marked_text_comes_in_the_language_in_use_with_its_fields(korean):
    assert _("Unknown label '{label}'.", label="중립") == "알 수 없는 라벨 '중립'입니다."
    set_language("en")
    assert _("Unknown label '{label}'.", label="중립") == "Unknown label '중립'."


@pytest.mark.parametrize(("count", "english"), [(1, "1 row of a.csv"), (1200, "1,200 rows of a.csv")])
def test_a_counted_text_has_the_plural_forms_of_the_language_in_use(korean, count, english):
    texts = ("{count:,} row of {file}", "{count:,} rows of {file}")
    assert ngettext(*texts, count, file="a.csv") == f"a.csv의 {count:,}행"
    set_language("en")
    assert ngettext(*texts, count, file="a.csv") == english


def test_a_text_of_a_table_is_marked_early_and_translated_late(korean):
    text = N_("Unknown label '{label}'.")
    assert text == "Unknown label '{label}'."
    assert _(text, label="x") == "알 수 없는 라벨 'x'입니다."


def test_the_card_of_a_corpus_speaks_the_language_in_use(korean):
    assert load_corpus("sample:topic").card.citation == "문장을 위해 썼으며 패키지에 들어 있습니다."


def test_a_text_that_the_catalogue_lacks_stays_english(korean):
    assert _("No such text, {name}.", name="x") == "No such text, x."
    assert ngettext("{count} thing", "{count} things", 2) == "2 things"


def test_a_language_without_a_catalogue_gives_english(korean):
    set_language("fr")
    assert _("Unknown label '{label}'.", label="x") == "Unknown label 'x'."
    assert ngettext("{count} row of {file}", "{count} rows of {file}", 1, file="x") == "1 row of x"


def test_an_empty_text_is_not_the_header_of_the_catalogue(korean):
    assert _("") == ""


def test_a_text_without_fields_keeps_its_braces():
    assert _('A line is {"text": "…"}') == 'A line is {"text": "…"}'


# The source


def openapi_texts(tree: ast.Module) -> set[str]:
    """The texts of routes that only OpenAPI shows."""
    return {
        keyword.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg in OPENAPI_KEYWORDS and isinstance(keyword.value, ast.Constant)
    }


def test_no_text_reaches_a_user_unmarked():
    unmarked = [
        f"{file.as_posix()}:{line}: {text!r}"
        for file, line, text in unmarked_texts(PACKAGE)
        if file.as_posix() not in ENGLISH_FILES
        and text not in PROPER_NAMES | VALUES
        and not (file.parts[0] == "serving" and text in openapi_texts(SOURCES[PACKAGE / file]))
    ]
    assert not unmarked, "not marked:\n" + "\n".join(unmarked)


def test_every_file_that_may_stay_english_still_has_such_texts():
    assert set(ENGLISH_FILES) <= {file.as_posix() for file, *__ in unmarked_texts(PACKAGE)}


PLANTED = '''"""A module whose docstring no user reads."""
class DataError(MunjangError): ...
class RowError(DataError): ...
raise DataError(f"{path} broken")                              # found: ' broken'
raise RowError("bad")                                          # found: 'bad'
typer.Option("--label", help="Which one")                      # found: 'Which one'
typer.echo("done")                                             # found: 'done'
format_table(["label", _("rows")], cells)                      # found: 'label'
hint = "give another column instead"                           # found: 'give another column instead'
axis.set_title("texts")                                        # found: 'texts'
_("a whole marked sentence, {why}", why="in a few words")      # found: 'in a few words'
typer.Option("--text", help=_("Which one"))
raise DataError(_("{path} is broken", path=path))
typer.echo(ngettext("{count} of the rows", "all of the {count} rows", 2))
TITLES = {"a key of a table": N_("the title of a table")}
log.info("a line of the log")
if kind == "three words here": names = row["three other words"]
css = "p { margin: 0 auto; }"
print(f"{count:,}")
'''


def test_the_finder_sees_every_kind_of_unmarked_text_and_no_other(tmp_path):
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "planted.py").write_text(PLANTED, encoding="utf-8")
    expected = {
        (Path("room/planted.py"), line, match[1])
        for line, text in enumerate(PLANTED.splitlines(), start=1)
        if (match := re.search(r"# found: '(.*)'$", text))
    }
    assert len(expected) == 8
    assert set(unmarked_texts(tmp_path)) == expected


PLANTED_PAGE = """{# a comment that no reader sees #}
<p class="in a class" title="on a mouse">{{ _("a whole marked sentence, {why}", why="in a few words") }}</p>
<p>{{ name }} said so</p>
{% call section("Scores") %}{{ "yes" if good else _("no") }}{% endcall %}
{{ plot("curve", _("Loss by step")) }}{{ values["some key"]|join(" and ") if kind == "that kind" }}
<pre>munjang predict {{ folder }}</pre><footer>munjang {{ version }}</footer>
"""
PLANTED_CARD = """---
tags: ["one", "two"]
---
# {{ _("A title") }}
Use {{ name }} like this: `some code here`

```sh
munjang predict MODEL_FOLDER
```
![{{ _("loss") }}](loss.png)
"""


def test_the_finder_sees_every_kind_of_unmarked_text_in_a_template(tmp_path):
    for name, text in (("page.html.j2", PLANTED_PAGE), ("card.md.j2", PLANTED_CARD)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    found = [(file.name, line, " ".join(text.split())) for file, line, text in unmarked_texts(tmp_path)]
    assert found == [
        ("card.md.j2", 5, "Use like this:"),
        ("page.html.j2", 2, "in a few words"),
        ("page.html.j2", 2, "on a mouse"),
        ("page.html.j2", 3, "said so"),
        ("page.html.j2", 4, "Scores"),
        ("page.html.j2", 4, "yes"),
    ]


def as_python(call: nodes.Call) -> ast.Call:
    """A call of a template as one of Python."""
    kinds = {nodes.Const: lambda part: ast.Constant(part.value), nodes.CondExpr: lambda part: ast.IfExp(),
             nodes.Concat: lambda part: ast.BinOp()}  # fmt: skip
    args = [kinds.get(type(part), lambda part: ast.Name("value"))(part) for part in call.args]
    names = [keyword.key for keyword in call.kwargs] + [None] * (call.dyn_kwargs is not None)
    return ast.Call(ast.Name(call.node.name), args, [ast.keyword(name, ast.Name("value")) for name in names])


def template_calls() -> Iterator[tuple[str, ast.Call]]:
    """(file:line, call) of every call of `_` and `ngettext` in the templates."""
    for path in TEMPLATES:
        for call in template_tree(path).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name in ("_", "ngettext"):
                yield f"{path.name}:{call.lineno}", as_python(call)


def test_every_marked_text_of_a_template_has_the_fields_that_it_is_given():
    calls = list(template_calls())
    assert len(calls) > 100
    assert [f"{where}: {mistake}" for where, call in calls if (mistake := mistake_in(call))] == []


@pytest.mark.parametrize(
    ("source", "mistake"),
    [
        ("{{ _('{a} of {b}', a=1) }}", "names ['a', 'b'], given are ['a']"),
        ("{{ _('{a}', **fields) }}", "not as **fields"),
        ("{{ _('{a}' if x else '{b}', a=1) }}", "one literal"),
        ("{{ _('{a} ' ~ '{b}', a=1) }}", "one literal"),
    ],
)
def test_a_mistake_in_the_fields_of_a_templates_text_is_seen(source, mistake):
    (call,) = environment("html").parse(source).find_all(nodes.Call)
    assert mistake in mistake_in(as_python(call))


def test_babel_collects_the_texts_of_the_templates():
    collected = set()
    for path in TEMPLATES:
        with path.open("rb") as stream:
            for __, __, message, __ in babel_extract(stream, ("_", "ngettext"), (), {"silent": "false"}):
                collected |= {message} if isinstance(message, str) else {text for text in message or () if text}
    marked = {part.value for __, call in template_calls() for part in call.args if isinstance(part, ast.Constant)}
    assert marked <= collected and "After cleaning:" in collected


def uses_translator(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "munjang.translation"
        and any(alias.name == "_" for alias in node.names)
        for node in ast.walk(tree)
    )


def marked_calls() -> Iterator[tuple[str, ast.Call]]:
    """(file:line, call) of every call of `_` and `ngettext` in the package."""
    for path, tree in SOURCES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "ngettext"):
                yield f"{path.relative_to(PACKAGE).as_posix()}:{node.lineno}", node


def fields_of(text: str) -> set[str]:
    """The names in braces of a text. ValueError: a field, its conversion or its format cannot be used.

    `{option:label={name}}` is a setting; only the fields in its value are given by name.
    """
    names = set()
    for __, name, spec, conversion in Formatter().parse(text):
        if name is None:
            continue
        if name == "option":
            names |= fields_of(spec)
            continue
        if not name.isidentifier():
            raise ValueError(f"the field {{{name}}} is not a name")
        if conversion not in (None, "r", "s", "a"):
            raise ValueError(f"no conversion {conversion!r}")
        if "{" in spec:
            raise ValueError(f"the format {spec!r} has fields of its own")
        names.add(name)
        if not any(can_format(value, spec) for value in ("", 0, 0.0)):
            raise ValueError(f"no number or text has the format {spec!r}")
    return names


def can_format(value: object, spec: str) -> bool:
    try:
        format(value, spec)
    except ValueError:
        return False
    return True


def mistake_in(call: ast.Call) -> str:
    """What is wrong with the texts and fields of a marked call; "" if nothing is."""
    counted = call.func.id == "ngettext"
    texts = [part.value for part in call.args[: 2 if counted else 1] if isinstance(part, ast.Constant)]
    given = {keyword.arg for keyword in call.keywords}
    if None in given:
        return "fields are given by name, not as **fields"
    if any(isinstance(part, ast.IfExp | ast.BinOp | ast.JoinedStr) for part in call.args[: 2 if counted else 1]):
        return "a text is one literal, or a name of one"
    for text in texts:
        if not given and not counted and "{option:" not in text:  # shown as it is
            if "{{" in text or re.search(r"\{\w+([!:][^{}]*)?\}", text):
                return f"{text!r} has fields, and none is given"
            continue
        try:
            named = fields_of(text)
        except ValueError as error:
            return f"{text!r}: {error}"
        if counted:
            named, given = named | {"count"}, given | {"count"}
        if named != given:
            return f"{text!r} names {sorted(named)}, given are {sorted(given)}"
    return ""


def test_every_marked_text_has_the_fields_that_it_is_given():
    calls = list(marked_calls())
    assert len(calls) > 500
    assert [f"{where}: {mistake}" for where, call in calls if (mistake := mistake_in(call))] == []


@pytest.mark.parametrize(
    ("source", "mistake"),
    [
        ("_('{a} of {b}', a=1)", "names ['a', 'b'], given are ['a']"),
        ("_('{a}', a=1, b=2)", "given are ['a', 'b']"),
        ("_('{a}')", "none is given"),
        ("_('{{a}}')", "none is given"),
        ("_('{a:,,}', a=1)", "no number or text has the format"),
        ("_('{a!x}', a=1)", "no conversion 'x'"),
        ("_('{a}' if x else '{b}', a=1)", "one literal"),
        ("_('{a} ' + '{b}', a=1)", "one literal"),
        ("_(f'{a} rows')", "one literal"),
        ("_('{a', a=1)", "expected '}'"),
        ("_('{a.name}', a=1)", "is not a name"),
        ("_('{}', a=1)", "is not a name"),
        ("_('{a}', **fields)", "not as **fields"),
        ("_('{option:out={folder}} of {a}', a=1)", "names ['a', 'folder'], given are ['a']"),
        ("_('{a} {option:resume=True}')", "names ['a'], given are []"),
        ("ngettext('a row of {file}', '{count} rows', 2, file=1)", "names ['count'], given are ['count', 'file']"),
    ],
)
def test_a_mistake_in_the_fields_of_a_text_is_seen(source, mistake):
    assert mistake in mistake_in(ast.parse(source).body[0].value)


@pytest.mark.parametrize(
    "source",
    [
        "_('{a:,} of {b:.1%}', a=1, b=2)",
        "_('{\"text\": …}')",
        "_('{{x}} {a!r}', a=1)",
        "_('{option:resume=True}: {a}', a=1)",
        "_('{option:label}, {option:out={folder}}', folder=1)",
        "_('Say {option:resume=True}.')",
        "_(title)",
        "ngettext('one row', '{count:,} rows', 2)",
    ],
)
def test_fields_that_fit_are_no_mistake(source):
    assert mistake_in(ast.parse(source).body[0].value) == ""


# Settings in texts


@pytest.mark.parametrize(
    ("text", "python", "command_line"),
    [
        ("Go on with {option:resume=True}.", "Go on with resume=True.", "Go on with --resume."),
        ("Say {option:label=COLUMN}.", 'Say label="COLUMN".', "Say --label COLUMN."),
        ("{option:data_dir} is no folder", "data_dir=… is no folder", "--data-dir is no folder"),
        ("{option:header_row=1}", "header_row=1", "--header-row 1"),
        ("{option:out={where}}", 'out="my runs"', "--out 'my runs'"),
        ("{option:map=1=부정;2=긍정}", 'map="1=부정;2=긍정"', "--map '1=부정;2=긍정'"),
        ("{option:warmup=STEPS}", 'warmup="STEPS"', "--set warmup=STEPS"),
    ],
)
def test_a_setting_is_shown_as_its_reader_gives_it(text, python, command_line):
    fields = {"where": "my runs"} if "{where}" in text else {}
    assert _(text, **fields) == python
    with options_as(flag_form):
        assert _(text, **fields) == ngettext(text, text, 2, **fields) == command_line
    assert _(text, **fields) == python


def test_what_is_stored_names_settings_as_python_does_whoever_runs_it():
    with options_as(flag_form):
        reason = _("by its name; {option:text} says otherwise")
        note = _("{file}: column 1 ({reason})", file="a.csv", reason=reason)
    assert note == "a.csv: column 1 (by its name; --text says otherwise)"
    assert translation.stored(note) == "a.csv: column 1 (by its name; text=… says otherwise)"
    assert translation.stored("plain") == "plain" and translation.stored(3) == 3


def test_several_settings_and_their_values_are_written_as_one_copies_them():
    values = {"text": "본문", "label_map": {"0": "부정", "1": "긍정"}, "hosts": ("a.kr", "b.kr"), "resume": True}
    text = option_text(**values)
    assert eval(f"dict({text})") == values
    with options_as(flag_form):
        assert option_text(**values) == "--text 본문 --map '0=부정;1=긍정' --allow-host a.kr,b.kr --resume"


def test_a_translation_keeps_the_setting(tmp_path, monkeypatch, korean):
    monkeypatch.setattr(translation._catalogue, "gettext", lambda text: "{option:resume=True}로 이어 가세요.")
    assert _("Go on with {option:resume=True}.") == "resume=True로 이어 가세요."


def library_texts() -> Iterator[tuple[str, str]]:
    """(file:line, text) of every marked text outside the command line."""
    for path, tree in SOURCES.items():
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
        for call in calls if path.relative_to(PACKAGE).parts[0] != "cli" else ():
            for part in call.args if call.func.id in ("_", "N_", "ngettext") else ():
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield f"{path.relative_to(PACKAGE).as_posix()}:{part.lineno}", part.value


def test_texts_outside_the_command_line_name_settings_and_no_flags():
    assert [(where, text) for where, text in library_texts() if re.search(r"--[a-z{]", text)] == []


def test_every_setting_that_a_text_names_is_a_flag_of_some_verb():
    verbs = typer.main.get_command(app).commands.values()
    known = {name for verb in verbs for option in verb.params for name in option.opts}
    named = {name for __, text in library_texts() for name in re.findall(r"\{option:(\w+)", text)}
    assert len(named) > 20
    assert {name for name in named | set(FLAGS) if flag(name, None).split()[0] not in known} == set()


def other_bindings(tree: ast.Module) -> list[int]:
    """The lines where `_` becomes anything but the translator."""
    lines = []
    for node in ast.walk(tree):
        match node:
            case ast.Name(id="_", ctx=ast.Store() | ast.Del()) | ast.arg(arg="_"):
                lines.append(node.lineno)
            case ast.FunctionDef(name="_") | ast.AsyncFunctionDef(name="_") | ast.ClassDef(name="_"):
                lines.append(node.lineno)
            case ast.ExceptHandler(name="_"):
                lines.append(node.lineno)
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                ours = isinstance(node, ast.ImportFrom) and node.module == "munjang.translation"
                lines += [node.lineno for alias in names if (alias.asname or alias.name) == "_" and not ours]
    return lines


def test_where_the_translator_is_imported_its_name_means_nothing_else():
    bound = {
        path.relative_to(PACKAGE).as_posix(): lines
        for path, tree in SOURCES.items()
        if uses_translator(tree) and (lines := other_bindings(tree))
    }
    assert bound == {}


@pytest.mark.parametrize(
    "source",
    [
        "for _ in x: pass",
        "a, _ = x",
        "[0 for _ in x]",
        "def f(_): pass",
        "lambda _: 0",
        "def _(): pass",
        "import x as _",
        "with x as _: pass",
        "(_ := 0)",
    ],
)
def test_another_meaning_of_the_translators_name_is_seen(source):
    assert other_bindings(ast.parse(f"from munjang.translation import _\n{source}\n")) == [2]
