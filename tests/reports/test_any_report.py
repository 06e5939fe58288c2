"""A task with metrics of its own needs a report class and a line in two tables: no card, page or verb knows it."""

import ast
import json
from dataclasses import dataclass, fields
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from evaluation_models import TableModel
from test_model_card import manifest
from typer.testing import CliRunner

import munjang.cli
from munjang.errors import DataError
from munjang.evaluation import evaluate as evaluation
from munjang.evaluation.comparison import compare
from munjang.metrics.report import Report, ReportPlot, ReportTable, Section, to_json
from munjang.metrics.scores import safe_divide
from munjang.metrics.significance import bootstrap
from munjang.metrics.tables import print_report
from munjang.models import saved_reports
from munjang.reports.model_card import model_card
from munjang.reports.run_report import write_report


@dataclass(frozen=True, eq=False)
class SpanReport:
    """Spans of names in texts: (n, 3) spans that are in references and predictions, in predictions, in references."""

    spans: np.ndarray
    model: str = "finder"
    corpus: str = "names"
    split: str = "test"
    task: str = "entities"
    sha256: str = "0" * 64

    left_out, clean, unit, main, headlines = {"empty": 2}, None, "texts", ("span_f1",), ("span_f1", "span_recall")

    @property
    def n(self) -> int:
        return len(self.spans)

    @property
    def size(self) -> str:
        return f"{self.n} texts with {self.spans[:, 2].sum()} names"

    @property
    def metrics(self) -> dict[str, float]:
        return {name: float(value) for name, value in self.scores(self.spans.sum(axis=0)).items()}

    @property
    def intervals(self) -> dict[str, tuple[float, float]]:
        return bootstrap(self.spans, self.scores)

    def title(self, metric: str) -> str:
        return metric.replace("_", " ")

    def summary(self) -> list[str]:
        return ["Two of three spans are found."]

    def remarks(self) -> list[str]:
        return ["A span counts if both of its ends are right."]

    def sections(self, baseline: Report | None = None) -> list[Section]:
        plot = ReportPlot("bars", "F1 of each kind", {"scores": {"PS": 0.75}, "support": {"PS": 5}})
        kinds = ReportTable(["kind", "F1"], [["PS <b>", "0.7500"]])
        return [Section("Kinds", [[plot], [kinds]]), Section("Lost", [[ReportTable(["text"], [["한 | 글"]], (0,))]])]

    def counts(self) -> np.ndarray:
        return self.spans

    def scores(self, counts: np.ndarray) -> dict[str, np.ndarray]:
        right, predicted, references = np.moveaxis(counts, -1, 0)
        return {"span_f1": safe_divide(2 * right, predicted + references), "span_recall": right / references}

    def right(self) -> np.ndarray:
        return (self.spans == self.spans[:, :1]).all(axis=1)

    def aligned(self, other: "SpanReport") -> "SpanReport":
        return other

    def to_dict(self) -> dict:
        return to_json(self)

    @classmethod
    def from_dict(cls, data: dict) -> "SpanReport":
        return cls(**{item.name: data[item.name] for item in fields(cls)} | {"spans": np.array(data["spans"])})

    def __str__(self) -> str:
        return print_report(self)


GOOD = SpanReport(np.array([[2, 2, 2], [1, 2, 1], [0, 0, 1], [3, 3, 3]]))
POOR = SpanReport(np.array([[1, 2, 2], [1, 2, 1], [0, 0, 1], [1, 3, 3]]), "poor")


def test_it_is_printed_with_intervals_its_tables_and_what_was_left_out():
    text = str(GOOD)
    assert text.startswith(
        "finder on names, test: 4 texts with 7 names (left out: 2 empty)\n\nTwo of three spans are found.\n\nm"
    )
    rows = {line.split("  ")[0]: line.split()[2] for line in text.splitlines() if line.startswith("span")}
    assert rows == {"span f1": "0.8571", "span recall": "0.8571"}
    assert "A span counts if" in text and "Lost\ntext\n" in text and "F1 of each kind" not in text
    assert "Lost" not in print_report(GOOD, top_errors=0)


def test_two_of_them_are_compared():
    found = compare(GOOD, POOR)
    assert found.difference == pytest.approx(6 / 7 - 6 / 14) and (found.only_first, found.only_second) == (2, 0)
    assert found.p == 0.5 and "points of span F1" in found.verdict and "4 texts with 7 names" in found.verdict
    with pytest.raises(DataError, match="finder is a model for entities, finder one for relations"):
        compare(GOOD, SpanReport(GOOD.spans, task="relations"))


def test_its_card_has_its_scores_and_tables_and_no_text_of_the_data():
    card = model_card(manifest(), report=GOOD)
    low, high = GOOD.intervals["span_f1"]
    assert f"| span f1 | 0.8571 | {low:.4f}–{high:.4f} |" in card and "| PS \\<b\\> | 0.7500 |" in card
    assert "On names, test: 4 texts with 7 names, with 95% bootstrap intervals." in card and "한" not in card


def test_its_page_has_its_plot_its_tables_and_its_texts(tmp_path):
    html = write_report(tmp_path / "a.html", title="a", manifest=manifest(), report=GOOD).read_text("utf-8")
    assert '<div class="value">0.8571</div>' in html and html.count("<svg") == 1
    assert "PS &lt;b&gt;" in html and "한 | 글" in html and "Left out of the score: 2 empty." in html


def test_it_is_saved_and_read_back_and_the_command_line_shows_it(tmp_path, monkeypatch):
    class Span:
        """What a finder of names gives for a text."""

    finder = TableModel({}, labels=("PS",))
    finder.decoder = SimpleNamespace(record=Span, parts={}, several=False)
    monkeypatch.setitem(saved_reports.REPORTS, "entities", SpanReport)
    monkeypatch.setitem(evaluation.EVALUATORS, Span, lambda model, data, **options: GOOD)
    monkeypatch.setattr("munjang.inference.predictor.load", lambda model, **options: finder)
    (tmp_path / "poor.json").write_text(json.dumps(POOR.to_dict()), "utf-8")
    words = ["evaluate", "model", "sample:sentiment", "--json", tmp_path / "good.json", "--against",
             tmp_path / "poor.json"]  # fmt: skip
    done = CliRunner().invoke(munjang.cli.app, list(map(str, words)))
    assert str(GOOD) in done.stdout and str(compare(GOOD, POOR)) in done.stdout
    saved = saved_reports.read_report(json.loads((tmp_path / "good.json").read_text("utf-8")))
    assert isinstance(saved, SpanReport) and saved.metrics == GOOD.metrics


def test_no_card_page_comparison_or_verb_asks_which_report_it_has():
    package = Path(munjang.__file__).parent
    files = [*package.glob("reports/*.py"), *package.glob("cli/*.py"), package / "evaluation" / "comparison.py"]
    asked = [
        f"{path.name}:{node.lineno}"
        for path in files
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance" and "Report" in ast.unparse(node)
        if "ReportTable" not in ast.unparse(node) and "ReportPlot" not in ast.unparse(node)
    ]
    assert len(files) > 20 and asked == []
