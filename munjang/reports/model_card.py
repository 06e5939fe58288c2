"""The model card: the README.md of a model folder, in Markdown with the front matter that the hub reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from munjang.config.settings import TrainConfig
from munjang.data.statistics.corpus import describe
from munjang.evaluation.tables import clean_sentence, interval_text, score_text, title
from munjang.tables import escape_markdown, markdown_table
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.data.cleaning.report import CleaningReport
    from munjang.evaluation.report import Report
    from munjang.evaluation.trees import TreeReport
    from munjang.models.folder import Manifest
    from munjang.records import Corpus

HUB_LICENCES = {
    "cc0": "cc0-1.0",
    "cc0-1.0": "cc0-1.0",
    "cc-by-4.0": "cc-by-4.0",
    "cc-by-sa-4.0": "cc-by-sa-4.0",
    "cc-by-sa-3.0": "cc-by-sa-3.0",
    "mit": "mit",
    "apache-2.0": "apache-2.0",
}
"""Licences of corpora as the hub spells them; any other is "other" there and stands in full in the text."""

IDLE_IN_LINEAR = {item.name for item in fields(TrainConfig)} - {
    "backbone", "clean", "class_weights", "validation_share", "test_share", "seed"
}  # fmt: skip
"""Settings of training that a linear model does not look at."""


def model_card(
    manifest: Manifest,
    *,
    corpus: Corpus | None = None,
    cleaning_report: CleaningReport | None = None,
    report: Report | None = None,
    baseline_report: Report | None = None,
    trees: TreeReport | None = None,
) -> str:
    """The card of a model as Markdown. trees: a parser's scores on the test split, in the place of `report`.

    manifest: what munjang.json holds. corpus: as it was trained on, after cleaning. cleaning_report: of that cleaning.
    report: of the test split; baseline_report: the linear model's on the same texts.
    """
    name = f"{manifest.corpus or 'Sentence'} {'parser' if manifest.task == 'parsing' else 'classifier'}"
    sections = [
        front_matter(manifest, corpus, report),
        f"# {escape_markdown(name)}\n\n{introduction(manifest)}",
        "## Use\n\n" + usage(manifest),
        "## Scores\n\n" + (tree_scores(trees) if trees else card_scores(manifest, report, baseline_report)),
    ]
    if corpus is not None:
        sections.append("## Data\n\n" + card_data(corpus))
    if cleaning_report is not None:
        sections.append("## Cleaning\n\n" + fenced(str(cleaning_report)))
    sections += [
        "## Settings\n\n" + card_settings(manifest),
        "## Limits\n\n" + card_limits(manifest, corpus, report or trees),
    ]
    return "\n\n".join(sections) + "\n"


def front_matter(manifest: Manifest, corpus: Corpus | None, report: Report | None) -> str:
    """The YAML block; every value is written as JSON, which YAML takes as it is."""
    licence = corpus.card.licence if corpus is not None else "unknown"
    values: dict[str, Any] = {
        "language": corpus.card.language if corpus is not None else "ko",
        "license": HUB_LICENCES.get(licence.lower().replace(" ", "-"), "other"),
        "library_name": "munjang" if manifest.format == "linear" else "transformers",
        "pipeline_tag": "token-classification" if manifest.task == "parsing" else "text-classification",
        "tags": ["munjang", "korean", "text-classification", manifest.task],
        "metrics": ["accuracy", "f1"],
    }
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return "\n".join(["---", *lines, "---"])


def introduction(manifest: Manifest) -> str:
    """What the model is, in two sentences, and its labels."""
    if manifest.task == "parsing":
        return (
            f"Hangs every word of a sentence from its head, by one of {len(manifest.labels)} relations: "
            f"{', '.join(map(escape_markdown, manifest.labels.names))}.\n\n"
            f"Trained with munjang {manifest.munjang} from `{manifest.origin}` on "
            f"{escape_markdown(manifest.corpus) or 'a treebank'}."
        )
    kind = "any number of" if manifest.task == "multi-label" else "one of"
    labels = ", ".join(escape_markdown(name) for name in manifest.labels.names)
    origin = "a linear model on character n-grams" if manifest.format == "linear" else f"`{manifest.origin}`"
    return (
        f"Gives a sentence {kind} {len(manifest.labels)} labels: {labels}.\n\n"
        f"Trained with munjang {manifest.munjang} from {origin} on {escape_markdown(manifest.corpus) or 'a corpus'}."
    )


def usage(manifest: Manifest) -> str:
    """Lines to copy: munjang's command and its Python, and plain transformers where it can open the folder."""
    own = '```sh\nmunjang predict MODEL_FOLDER "배송이 정말 빨라요."\n```\n\n'
    own += '```python\nimport munjang as mj\n\nmodel = mj.load("MODEL_FOLDER")\n'
    own += 'model.predict("배송이 정말 빨라요.")\n```\n\n'
    if manifest.format == "linear":
        return own + (
            "Plain transformers cannot open this folder: a linear model is no transformer. Predict with munjang, "
            "which for this format needs neither torch nor transformers."
        )
    if manifest.task == "parsing":
        return own + "Plain transformers opens the encoder of this folder (`AutoModel`); trees need munjang."
    several = ', top_k=None, function_to_apply="sigmoid"' if manifest.task == "multi-label" else ""
    threshold = f" A label counts from a score of {manifest.threshold:g}." if several else ""
    return own + (
        f"Plain transformers opens the same folder. Tell it to cut long texts, or one is an error.{threshold}\n\n"
        '```python\nfrom transformers import pipeline\n\nclassify = pipeline("text-classification", '
        f'model="MODEL_FOLDER"{several})\n'
        f'classify("배송이 정말 빨라요.", truncation=True, max_length={manifest.max_length})\n```\n\n'
        f"munjang cleans a text before it is read ({', '.join(manifest.steps) or 'no steps'}); the pipeline does not. "
        "For text that is not clean, such as decomposed Hangul (NFD) from macOS, clean it first."
    )


def tree_scores(report: TreeReport) -> str:
    """A parser's scores, by relation and by sentence length. No texts."""
    heading = f"On {escape_markdown(report.corpus)}, {report.split}: {report.n:,} sentences, {report.words:,} words."
    return "\n\n".join([heading, *report.tables(markdown_table)])


def card_scores(manifest: Manifest, report: Report | None, baseline: Report | None) -> str:
    """The test scores with their intervals beside the baseline's, or what is known without a test. No texts."""
    parts = []
    if report is not None:
        clean = f" {clean_sentence(report.clean).capitalize()}." if report.clean is not None else ""
        where = f"{escape_markdown(report.corpus)}, {report.split}: {report.n:,} texts"
        parts += [f"On {where}, with 95% bootstrap intervals.{clean}", card_metric_table(report, baseline)]
        rows = [[s.name, *map(score_text, (s.precision, s.recall, s.f1)), s.support] for s in report.per_label]
        parts.append(markdown_table([_("label"), _("precision"), _("recall"), "F1", _("texts")], rows))
        parts.append(f"Expected calibration error: {score_text(report.calibration_error)}.")
    if manifest.validation:
        chosen = ", ".join(f"{title(name)} {value:.4g}" for name, value in manifest.validation.items())
        by = ", by which the weights were chosen" if manifest.settings.get("keep_best", True) else ""
        parts.append(f"On the validation split{by}: {chosen}.")
    return "\n\n".join(parts) or "Not evaluated yet: `munjang evaluate MODEL_FOLDER CORPUS`."


def card_metric_table(report: Report, baseline: Report | None) -> str:
    """Every metric with its interval; beside it without rows that should not count, and the linear baseline's."""
    columns = {"score": report.metrics}
    if report.clean is not None:
        columns = {"as published": report.metrics, "clean": report.clean.metrics}
    if baseline is not None:
        columns["linear baseline"] = baseline.metrics
    rows = [
        [title(name), *(score_text(values[name]) for values in columns.values()), interval_text(interval)]
        for name, interval in report.intervals.items()
    ]
    return markdown_table([_("metric"), *columns, _("95% interval")], rows)


def card_data(corpus: Corpus) -> str:
    """Origin, licence, sizes and labels of the corpus after cleaning."""
    card, stats = corpus.card, describe(corpus)
    facts = [f"Source: {escape_markdown(public_source(card.source))}."] if card.source else []
    facts.append(f"Licence of the data: {escape_markdown(card.licence)}.")
    facts += [f"Note: {escape_markdown(note)}" for note in card.notes]
    facts += [f"Citation: {escape_markdown(card.citation)}"] if card.citation else []
    tables = [markdown_table(*stats.measures()), markdown_table(*stats.label_counts())]
    shared = [f"Texts shared by {a} and {b}: {count:,}." for (a, b), count in stats.shared.items()]
    return "\n\n".join(["\n".join(facts), "After cleaning:", *tables, "\n".join(shared)]).strip()


def public_source(source: str) -> str:
    """A source as others may read it: of a path on this machine the last part alone."""
    return Path(source).name if Path(source).is_absolute() else source


def card_settings(manifest: Manifest) -> str:
    """Every setting that had an effect as a table; nested ones as `clean.leaks`."""
    idle = IDLE_IN_LINEAR if manifest.format == "linear" else set() if manifest.task == "heads" else {"sampling_power"}
    rows = list(flatten({key: value for key, value in manifest.settings.items() if key not in idle}).items())
    return markdown_table([_("setting"), _("value")], [[key, plain_setting(value)] for key, value in rows])


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings with dotted names."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def plain_setting(value: Any) -> str:
    """A setting as a reader writes it."""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def card_limits(manifest: Manifest, corpus: Corpus | None, report: Report | TreeReport | None) -> str:
    """What the scores do not say."""
    points = [
        "The scores hold for texts like those of its corpus; for other sources measure again, on labels of your own."
    ]
    if manifest.max_length and manifest.format != "linear":
        points.append(f"Texts of more than {manifest.max_length} tokens are cut; munjang says so, a pipeline does not.")
    if manifest.task == "parsing":
        points.append("Every text gets a tree, also one that is no sentence.")
        if manifest.task_options.get("tags"):
            points.append("Every word needs its parts of speech: `나는/NP+JX 밥을/NNG+JKO 먹었다/VV+EP+EF`.")
    elif manifest.task != "multi-label":
        points.append("Every text gets one of its labels, also a text that fits none; look at the score.")
    if report is None:
        points.append("No test split had been read when this card was written.")
    if corpus is not None and len(corpus.train) < 5_000:
        points.append(f"It has learnt from {len(corpus.train):,} sentences only.")
    points.append("The licence of the data, and that of the backbone, go with the weights.")
    return "\n".join(f"- {point}" for point in points)


def fenced(text: str) -> str:
    """Text as a code block that nothing in it can end."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}text\n{text}\n{fence}"
