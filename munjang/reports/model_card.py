"""The model card: the README.md of a model folder, in Markdown with the front matter that the hub reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from munjang.config.settings import TrainConfig
from munjang.data.statistics.corpus import describe
from munjang.metrics.report import ReportTable
from munjang.metrics.tables import score_table, title
from munjang.tables import escape_markdown, markdown_table
from munjang.translation import _, ngettext

if TYPE_CHECKING:
    from munjang.data.cleaning.report import CleaningReport
    from munjang.metrics.report import Report
    from munjang.models.folder import Manifest
    from munjang.records import Card, Corpus

SENTENCE = "배송이 정말 빨라요."
"""What the examples of cards and reports predict."""

HUB_LICENCES = {
    "cc0": "cc0-1.0",
    "cc0-1.0": "cc0-1.0",
    "cc-by-4.0": "cc-by-4.0",
    "cc-by-sa-4.0": "cc-by-sa-4.0",
    "cc-by-sa-3.0": "cc-by-sa-3.0",
    "mit": "mit",
    "apache-2.0": "apache-2.0",
}
"""Licences of corpora as the hub spells them. Any other is "other" in the YAML; the text gives it in full."""

IDLE_IN_LINEAR = {item.name for item in fields(TrainConfig)} - {
    "backbone", "clean", "class_weights", "validation_share", "test_share", "seed"
}  # fmt: skip
"""Settings of training that a linear model ignores."""


def model_card(
    manifest: Manifest,
    *,
    corpus: Corpus | None = None,
    cleaning_report: CleaningReport | None = None,
    report: Report | None = None,
    baseline_report: Report | None = None,
) -> str:
    """The card of a model as Markdown.

    manifest: the content of munjang.json. corpus: the training data after cleaning. cleaning_report: of that cleaning.
    report: of the test split; baseline_report: the linear model's on the same texts.
    """
    sections = [
        front_matter(manifest, corpus),
        card_title(manifest),
        introduction(manifest),
        _("## Use"),
        usage(manifest),
        _("## Scores"),
        card_scores(manifest, report, baseline_report),
    ]
    if corpus is not None:
        sections += [_("## Data"), card_data(corpus)]
    if cleaning_report is not None:
        sections += [_("## Cleaning"), fenced(str(cleaning_report))]
    sections += [_("## Settings"), card_settings(manifest)]
    sections += [_("## Limits"), card_limits(manifest, corpus, report)]
    return "\n\n".join(sections) + "\n"


def front_matter(manifest: Manifest, corpus: Corpus | None) -> str:
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


def card_title(manifest: Manifest) -> str:
    """The heading of the card: corpus and kind of model."""
    corpus = escape_markdown(manifest.corpus)
    if manifest.task == "parsing":
        return _("# {corpus} parser", corpus=corpus) if corpus else _("# Sentence parser")
    return _("# {corpus} classifier", corpus=corpus) if corpus else _("# Sentence classifier")


def introduction(manifest: Manifest) -> str:
    """What the model predicts, its labels, and how it was trained."""
    count, labels = len(manifest.labels), ", ".join(map(escape_markdown, manifest.labels.names))
    if manifest.task == "parsing":
        purpose = ngettext(
            "Attaches every word of a sentence to its head, by {count} relation: {labels}.",
            "Attaches every word of a sentence to its head, by one of {count} relations: {labels}.",
            count,
            labels=labels,
        )
    elif manifest.task == "multi-label":
        purpose = _("Gives a sentence any number of {count} labels: {labels}.", count=count, labels=labels)
    else:
        purpose = _("Gives a sentence one of {count} labels: {labels}.", count=count, labels=labels)
    return f"{purpose}\n\n{training_sentence(manifest)}"


def training_sentence(manifest: Manifest) -> str:
    """Version, start and corpus of the training."""
    version, origin, corpus = manifest.munjang, manifest.origin, escape_markdown(manifest.corpus) or _("a corpus")
    if manifest.format == "linear":
        return _(
            "A linear model on character n-grams, trained with munjang {version} on {corpus}.",
            version=version,
            corpus=corpus,
        )
    return _(
        "Trained with munjang {version} from `{origin}` on {corpus}.", version=version, origin=origin, corpus=corpus
    )


def usage(manifest: Manifest) -> str:
    """Lines to copy: munjang's command and its Python, and plain transformers where it can open the folder."""
    command = 'munjang predict MODEL_FOLDER "TEXT"'.replace("TEXT", SENTENCE)
    python = 'import munjang as mj\n\nmodel = mj.load("MODEL_FOLDER")\nmodel.predict("TEXT")'.replace("TEXT", SENTENCE)
    code = fenced(command, "sh") + "\n\n" + fenced(python, "python")
    if manifest.format == "linear":
        refusal = _("Plain transformers cannot open this folder: a linear model is no transformer.")
        remedy = _("Predict with munjang; for this format it needs neither torch nor transformers.")
        return f"{code}\n\n{refusal} {remedy}"
    if manifest.task == "parsing":
        advice = _("Plain transformers opens the encoder of this folder (`AutoModel`); for trees you need munjang.")
        return f"{code}\n\n{advice}"
    several = manifest.task == "multi-label"
    advice = _(
        "Plain transformers opens the same folder. Tell it to cut long texts; otherwise a long text is an error."
    )
    if several:
        advice += " " + _("A label counts from a score of {threshold:g}.", threshold=manifest.threshold)
    options = ', top_k=None, function_to_apply="sigmoid"' if several else ""
    plain_python = 'from transformers import pipeline\n\nclassify = pipeline("text-classification", MODEL)\n'.replace(
        "MODEL", f'model="MODEL_FOLDER"{options}'
    )
    plain_python += f'classify("{SENTENCE}", truncation=True, max_length={manifest.max_length})'
    cleaning = _(
        "munjang cleans a text first ({steps}); the pipeline does not. "
        "If a text is not clean, for example decomposed Hangul (NFD) from macOS, clean it first.",
        steps=", ".join(manifest.steps) or _("no steps"),
    )
    return "\n\n".join([code, advice, fenced(plain_python, "python"), cleaning])


def card_scores(manifest: Manifest, report: Report | None, baseline: Report | None) -> str:
    """The test scores with their intervals beside the baseline's, and the validation scores. No texts."""
    parts = report_parts(report, baseline) if report else []
    if manifest.validation:
        scores = ", ".join(f"{title(name)} {value:.4g}" for name, value in manifest.validation.items())
        if manifest.settings.get("keep_best", True):
            parts.append(_("On the validation split, by which the weights were chosen: {scores}.", scores=scores))
        else:
            parts.append(_("On the validation split: {scores}.", scores=scores))
    return "\n\n".join(parts) or _("Not evaluated yet: `munjang evaluate MODEL_FOLDER CORPUS`.")


def report_parts(report: Report, baseline: Report | None) -> list[str]:
    """The scores and the tables of a report, without those that hold texts of the data."""
    heading = _(
        "On {corpus}, {split}: {size}, with 95% bootstrap intervals.",
        corpus=escape_markdown(report.corpus),
        split=report.split,
        size=report.size,
    )
    scores = score_table(report, list(report.metrics), baseline=baseline)
    parts = [heading, markdown_table(scores.header, scores.rows), *map(escape_markdown, report.remarks())]
    for part in (part for section in report.sections() for part in section.parts):
        if isinstance(part, str):
            parts.append(escape_markdown(part))
        elif isinstance(part, ReportTable) and part.rows and not part.texts:
            parts.append(markdown_table(part.header, part.rows))
    return parts


def card_data(corpus: Corpus) -> str:
    """Origin, licence, sizes and labels of the corpus after cleaning."""
    stats = describe(corpus)
    tables = [markdown_table(*stats.measures()), markdown_table(*stats.label_counts())]
    shared = [
        _("Texts shared by {first} and {second}: {count:,}.", first=first, second=second, count=count)
        for (first, second), count in stats.shared.items()
    ]
    parts = ["\n".join(source_facts(corpus.card)), _("After cleaning:"), *tables, "\n".join(shared)]
    return "\n\n".join(parts).strip()


def source_facts(card: Card) -> list[str]:
    """Source, licence, notes and citation of a corpus, a line each."""
    facts = [_("Source: {source}.", source=escape_markdown(public_source(card.source)))] if card.source else []
    facts.append(_("Licence of the data: {licence}.", licence=escape_markdown(card.licence)))
    facts += [_("Note: {note}", note=escape_markdown(note)) for note in card.notes]
    facts += [_("Citation: {citation}", citation=escape_markdown(card.citation))] if card.citation else []
    return facts


def public_source(source: str) -> str:
    """A source as others may read it: only the last part of a path on this machine."""
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
    """A setting as text: lists with commas, yes or no, none."""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return _("none") if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def card_limits(manifest: Manifest, corpus: Corpus | None, report: Report | None) -> str:
    """The limits of the model, as a list."""
    points = [
        _("The scores hold for texts like those of its corpus; for other sources, measure again on your own labels.")
    ]
    if manifest.max_length and manifest.format != "linear":
        points.append(
            _(
                "Texts of more than {tokens} tokens are cut; munjang says so, a pipeline does not.",
                tokens=manifest.max_length,
            )
        )
    if manifest.task == "parsing":
        points.append(_("Every text gets a tree, even if it is no sentence."))
    elif manifest.task != "multi-label":
        points.append(_("Every text gets one of its labels, also a text that fits none; look at the score."))
    if report is None:
        points.append(_("No test split had been read when this card was written."))
    if corpus is not None and len(corpus.train) < 5_000:
        points.append(
            ngettext(
                "It was trained on only {count:,} sentence.",
                "It was trained on only {count:,} sentences.",
                len(corpus.train),
            )
        )
    return "\n".join(f"- {point}" for point in [*points, licence_note()])


def licence_note() -> str:
    """The limit that licences set to the use of the weights."""
    return _("The licences of the data and of the backbone apply to the weights, too.")


def fenced(text: str, language: str = "text") -> str:
    """Text as a code block that no text in it can close."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text}\n{fence}"
