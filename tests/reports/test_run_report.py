import ast
import json
import re
import shlex
import sys
import warnings
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pytest
from test_model_card import manifest

from munjang.config.settings import TrainConfig
from munjang.data.cleaning.clean import clean_corpus
from munjang.data.statistics.corpus import describe, text_lengths
from munjang.evaluation.comparison import compare
from munjang.evaluation.evaluate import evaluate
from munjang.inference.predictor import Predictor
from munjang.models.folder import Manifest
from munjang.models.saved_reports import read_report
from munjang.records import Card, Corpus, Example, LabelSet, Prediction
from munjang.reports.model_card import model_card
from munjang.reports.run_report import write_report

EVIL = "<script>alert(1)</script> & 😀"
WORDS = ("영화", "배우", "음악", "장면", "결말", "대사", "감독", "편집")


class Guesser(Predictor):
    """Answers with the true label for all texts but every `wrong`-th."""

    name = ""

    def __init__(self, name, corpus, wrong):
        super().__init__(Manifest("table", corpus.task, corpus.labels), runner=None)
        self.name, self.wrong = name, wrong
        self.references = {example.text.replace(" ", ""): example.label for example in corpus.test}

    def probabilities(self, texts, **_):
        rows = np.full((len(texts), len(self.labels)), 0.1, np.float32)
        for i, text in enumerate(texts):
            references = self.references[text.replace(" ", "")]
            for name in (references,) if isinstance(references, str) else references:
                rows[i, (self.labels.index(name) + (i % self.wrong == 0)) % len(self.labels)] = 0.9
        return rows / rows.sum(axis=1, keepdims=True) if self.task != "multi-label" else rows


def make_corpus(size=2, task="classification") -> Corpus:
    names = (*(f"라벨 {i}" for i in range(size - 1)), f"끝 {EVIL}")

    def examples(split, n):
        label = [names[i % size] for i in range(n)]
        return [
            Example(f"{WORDS[i % 8]} {split} {i} {EVIL}", label[i] if task == "classification" else (label[i],), i + 1)
            for i in range(n)
        ]

    card = Card("films", "/home/someone/films.csv", "CC0", notes=("partial: 40 of 80 rows",))
    return Corpus("films", task, LabelSet(names), examples("가", 40), (), examples("나", 60), card)


def full_report(path, corpus):
    report = evaluate(Guesser("bert", corpus, 10), corpus)
    baseline = evaluate(Guesser("linear", corpus, 4), corpus)
    stats = describe(corpus)
    write_report(
        path,
        title=f"Films {EVIL}",
        report=report,
        baseline_report=baseline,
        comparison=compare(report, baseline),
        stats=stats,
        lengths={split: text_lengths(getattr(corpus, split)) for split in stats.splits},
        cleaning_report=clean_corpus(corpus, TrainConfig().clean)[1],
        log_rows=[{"step": 1, "loss": 0.5}, {"step": 2, "validation_macro_f1": 0.5, "validation_loss": 0.6}],
        manifest=manifest(labels=corpus.labels, task=corpus.task),
        answers=[Prediction(EVIL, corpus.labels.names[0], {corpus.labels.names[0]: 0.75}, "truncated to 8 tokens")],
        model_folder="runs/films",
    )
    return path.read_text(encoding="utf-8")


class Balance(HTMLParser):
    """Which tags are open; a closing tag that closes nothing is an error."""

    VOID = ("meta", "br", "img", "link")

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize(("size", "task"), [(2, "classification"), (20, "classification"), (12, "multi-label")])
def test_a_full_report_is_one_whole_page_with_every_section(size, task, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        html = full_report(tmp_path / "run" / "report.html", make_corpus(size, task))
    parser = Balance()
    parser.feed(html)
    assert parser.open == []
    headings = re.findall(r"<h2>(.*?)</h2>", html)
    confusions = ["Confusions"] if task == "classification" else []
    assert headings == [
        "Scores", "New sentences", "Data", "Cleaning", "Training", "Labels", *confusions, "Calibration",
        "Most confident errors", "Settings", "Use the model",
    ]  # fmt: skip
    assert parser.seen.count("svg") == (7 if task == "multi-label" else 8)


def test_nothing_from_the_data_becomes_a_tag_and_nothing_is_fetched(tmp_path):
    html = full_report(tmp_path / "report.html", make_corpus())
    assert "<script" not in html and "&lt;script&gt;alert(1)&lt;/script&gt; &amp; 😀" in html
    assert not re.search(r'(?:src|href)="(?!data:|#)|url\((?!data:|#)|@import', html)


def test_the_headline_has_score_interval_baseline_and_what_the_model_adds(tmp_path):
    html = full_report(tmp_path / "report.html", make_corpus())
    assert '<div class="value">0.9000</div>\n<div class="interval">95% interval 0.' in html
    assert "accuracy, linear baseline" in html and '<div class="value">0.7500</div>' in html
    assert "This model is better than the linear baseline by 15.0 points of accuracy (95% interval +" in html
    assert "Only this model right: 12 texts; only the linear baseline right: 3" in html


def test_the_verdict_claims_no_more_than_the_interval(tmp_path):
    corpus = make_corpus()
    good, bad, near = (
        evaluate(Guesser(name, corpus, wrong), corpus) for name, wrong in (("a", 30), ("b", 2), ("c", 29))
    )

    def verdict(report, baseline):
        pair = {"report": report, "baseline_report": baseline, "comparison": compare(report, baseline)}
        page = write_report(tmp_path / "a.html", title="a", **pair).read_text("utf-8")
        return re.search(r'<p class="verdict">(.*?)</p>', page)[1]

    worse = verdict(bad, good)
    assert worse.startswith("The linear baseline is better than this model by 46.7 points")
    low, high = map(float, re.search(r"interval ([+-][\d.]+) to ([+-][\d.]+)", worse).groups())
    assert 0 < low < 46.7 < high, "points and interval say the same: by how much the baseline is better"
    assert verdict(good, near).startswith("No difference between this model and the linear baseline can be shown")


def test_a_report_without_anything_is_still_a_page_and_leaves_no_part_behind(tmp_path):
    path = write_report(tmp_path / "report.html", title="빈 보고서")
    assert "<h1>빈 보고서</h1>" in path.read_text(encoding="utf-8")
    assert [item.name for item in tmp_path.iterdir()] == ["report.html"]


def test_a_linear_model_says_that_transformers_cannot_open_it(tmp_path):
    html = write_report(tmp_path / "a.html", title="a", manifest=manifest(format="linear"), model_folder="runs/a")
    html = html.read_text("utf-8")
    assert "Plain transformers cannot open this folder" in html and "from transformers" not in html


def test_the_report_names_no_path_of_the_machine_and_cuts_long_texts(tmp_path):
    corpus = make_corpus()
    path = write_report(
        tmp_path / "a.html",
        title="a",
        stats=describe(corpus),
        answers=[Prediction("가" * 9_000, None, {}, "empty")],
    )
    html = path.read_text(encoding="utf-8")
    assert "films.csv" in html and "/home/someone" not in html
    assert "… (9,000 characters)" in html and "가" * 401 not in html


def test_the_report_needs_no_torch():
    import subprocess

    code = "import sys, munjang.reports.run_report, munjang.reports.model_card\n"
    code += "sys.exit('torch' in sys.modules or 'matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_card_has_the_scores_with_intervals_and_no_text_of_the_data():
    corpus = make_corpus()
    report, rival = (evaluate(Guesser(name, corpus, wrong), corpus) for name, wrong in (("bert", 10), ("linear", 4)))
    card = model_card(manifest(labels=corpus.labels), corpus=corpus, report=report, baseline_report=rival)
    low, high = report.intervals["accuracy"]
    assert f"| accuracy | 0.9000 | {low:.4f}–{high:.4f} | 0.7500 |" in card
    assert "60 texts, with 95% bootstrap intervals" in card
    assert not any(example.text in card for example in corpus.test)
    assert "No test split had been read" not in card


def test_a_report_read_back_from_json_is_drawn_alike(tmp_path):
    report = evaluate(Guesser("bert", make_corpus(), 10), make_corpus())
    again = read_report(json.loads(json.dumps(report.to_dict())))
    pages = [
        re.sub(
            r"<footer>.*?</footer>", "", write_report(tmp_path / "a.html", title="a", report=item).read_text("utf-8")
        )
        for item in (report, again)
    ]
    assert pages[0] == pages[1]


@pytest.mark.parametrize("folder", ["runs/films", "sp ace/m$x", "q\"u{o}'t", "한 글"])
def test_what_a_report_offers_to_copy_names_the_folder_as_it_is(folder, tmp_path):
    path = write_report(tmp_path / "a.html", title="a", manifest=manifest(max_length=24), model_folder=folder)
    pieces = re.findall(r"<pre>(.*?)</pre>", path.read_text("utf-8"), re.DOTALL)
    command, python, plain = map(unescape, pieces)
    for line in command.splitlines():
        assert shlex.split(line)[:3] == ["munjang", "predict", folder]
    for code in (python, plain):
        assert folder in [node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant)]
    assert "max_length=24" in plain
