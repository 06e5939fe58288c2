"""The card of a model with many heads: the data, scores and calibration of each head."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from munjang.metrics.scores import CALIBRATION_BINS
from munjang.metrics.tables import score_text
from munjang.records import SPLITS
from munjang.reports.model_card import (
    HUB_LICENCES,
    SENTENCE,
    card_settings,
    fenced,
    licence_note,
    public_source,
    source_facts,
    training_sentence,
)
from munjang.tables import escape_markdown, markdown_table
from munjang.translation import _, ngettext

if TYPE_CHECKING:
    from munjang.data.multi_corpus import MultiCorpus
    from munjang.models.folder import Manifest


def heads_card(manifest: Manifest, multi_corpus: MultiCorpus) -> str:
    """The README.md of the folder. manifest: with details["heads"]. multi_corpus: the training data."""
    heads = manifest.details["heads"]
    sections = [
        heads_front_matter(multi_corpus),
        _("# Several predictions for a Korean sentence"),
        heads_introduction(manifest),
        _("## Use"),
        heads_usage(manifest, next(iter(heads))),
        _("## Scores"),
        heads_scores(heads),
        _("## Data"),
        *(head_data(head, multi_corpus) for head in heads),
        _("## Cleaning"),
        fenced(str(multi_corpus.cleaning_report)),
        _("## Settings"),
        card_settings(manifest),
        _("## Limits"),
        heads_limits(manifest),
    ]
    return "\n\n".join(sections) + "\n"


def heads_front_matter(multi_corpus: MultiCorpus) -> str:
    """The YAML block; the licence is "other" unless all corpora share it, and the text gives each in full."""
    cards = [part.corpus.card for part in multi_corpus.parts.values()]
    licences = {HUB_LICENCES.get(card.licence.lower().replace(" ", "-"), "other") for card in cards}
    values: dict[str, Any] = {
        "language": list(dict.fromkeys(card.language for card in cards)),
        "license": licences.pop() if len(licences) == 1 else "other",
        "library_name": "transformers",
        "pipeline_tag": "text-classification",
        "tags": ["munjang", "korean", "text-classification", "multi-task"],
        "metrics": ["accuracy", "f1"],
    }
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return "\n".join(["---", *lines, "---"])


def heads_introduction(manifest: Manifest) -> str:
    """What the model predicts, and how it was made."""
    rows = [
        f"- **{head}**: {', '.join(map(escape_markdown, entry['labels']['names']))}"
        for head, entry in manifest.details["heads"].items()
    ]
    summary = ngettext(
        "One encoder with {count} classifier: one pass over a sentence gives its prediction.",
        "One encoder with {count} classifiers: one pass over a sentence gives the predictions of all.",
        len(rows),
    )
    return "\n\n".join([summary, "\n".join(rows), training_sentence(manifest)])


def heads_usage(manifest: Manifest, head: str) -> str:
    """Lines to copy."""
    commands = f'munjang analyze --model MODEL_FOLDER "{SENTENCE}"\n'
    commands += 'munjang predict MODEL_FOLDER/HEAD "TEXT"'.replace("HEAD", head).replace("TEXT", SENTENCE)
    python = 'import munjang as mj\n\nmj.analyze("TEXT", model="MODEL_FOLDER")\n'.replace("TEXT", SENTENCE)
    python += f'mj.load("MODEL_FOLDER/{head}").predict("{SENTENCE}")'
    advice = _(
        "Plain transformers opens the same folder as one classifier with labels named HEAD/LABEL. Its softmax over all "
        "labels means nothing: take the logits of one head, divide them by its temperature, then apply softmax. "
        "munjang cleans a text first ({steps}); transformers does not.",
        steps=", ".join(manifest.steps) or _("no steps"),
    )
    return "\n\n".join([fenced(commands, "sh"), fenced(python, "python"), advice])


def heads_scores(heads: dict[str, Any]) -> str:
    """A row for each head: the split, its scores and its calibration."""
    rows = []
    for head, entry in heads.items():
        split = "test" if entry["test"] else "validation"
        scores, calibration = entry[split], entry["calibration"]
        rows.append(
            [
                head, entry["corpus"], len(entry["labels"]["names"]), split, f"{scores['n']:,}",
                score_text(scores["accuracy"]), score_text(scores["macro_f1"]),
                score_text(calibration["before"]), score_text(calibration["after"]), f"{entry['temperature']:.3f}",
            ]
        )  # fmt: skip
    header = [
        _("head"), _("corpus"), _("labels"), _("split"), _("sentences"), _("accuracy"), _("macro F1"),
        _("ECE before"), _("ECE after"), _("temperature"),
    ]  # fmt: skip
    validation = markdown_table(
        [_("head"), _("validation sentences"), _("accuracy"), _("macro F1")],
        [
            [head, f"{scores['n']:,}", score_text(scores["accuracy"]), score_text(scores["macro_f1"])]
            for head, scores in ((head, entry["validation"]) for head, entry in heads.items())
        ],
    )
    notes = _(
        "Test splits were read once, after training. A head's temperature divides its logits before the softmax. It "
        "was fitted on the validation split and changes the confidence of a prediction, never the predicted label. "
        "ECE: expected calibration error over {bins} equally wide ranges of the confidence, before and after.",
        bins=CALIBRATION_BINS,
    )
    on_validation = _(
        "On the validation splits. Their mean macro F1 chose the weights, and the temperatures were fitted on them:"
    )
    return "\n\n".join([markdown_table(header, rows), notes, on_validation, validation])


def head_data(head: str, multi_corpus: MultiCorpus) -> str:
    """Origin, licence and sizes of one head's corpus after cleaning."""
    corpus = multi_corpus.parts[head].corpus
    card = corpus.card
    facts = [f"### {head}: {escape_markdown(corpus.name)}", ""]
    facts += source_facts(card)
    if addition := multi_corpus.additions.get(head):
        facts.append(
            _(
                "Additional rows in train: {rows:,} of {source}. The scores therefore cannot be compared with models "
                "that were trained on {corpus} alone.",
                rows=addition.rows,
                source=escape_markdown(public_source(addition.corpus.card.source)),
                corpus=escape_markdown(corpus.name),
            )
        )
    sizes = ", ".join(f"{split} {len(getattr(corpus, split)):,}" for split in SPLITS)
    facts.append(
        _(
            "Sentences: {sizes}. Removed from train because the test or validation split of another corpus has them: "
            "{removed:,}.",
            sizes=sizes,
            removed=len(multi_corpus.cross_leaks[head]),
        )
    )
    return "\n".join(facts)


def heads_limits(manifest: Manifest) -> str:
    """The limits of the model, as a list."""
    points = [
        _("The scores hold for texts like those of each corpus; for other sources, measure again on your own labels."),
        _("Every head gives every text one of its labels, also a text that fits none; look at the confidence."),
        _("The temperatures were fitted on such texts, too: on others a head may be more confident than it should be."),
        _("Texts of more than {tokens} tokens are cut; munjang says so.", tokens=manifest.max_length),
        licence_note(),
    ]
    return "\n".join(f"- {point}" for point in points)
