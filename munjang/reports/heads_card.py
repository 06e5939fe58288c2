"""The card of a many-headed model: what each head learnt from, how right it is, how sure it may be taken to be."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from munjang.evaluation.tables import score_text
from munjang.metrics.scores import CALIBRATION_BINS
from munjang.records import SPLITS
from munjang.reports.model_card import HUB_LICENCES, card_settings, fenced, public_source
from munjang.tables import escape_markdown, markdown_table
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.data.multi_corpus import MultiCorpus
    from munjang.models.folder import Manifest

SENTENCE = "배송이 정말 빨라요."


def heads_card(manifest: Manifest, multi_corpus: MultiCorpus) -> str:
    """The README.md of the folder. manifest: with details["heads"]. multi_corpus: what it learnt from."""
    heads = manifest.details["heads"]
    sections = [
        heads_front_matter(multi_corpus),
        f"# Several answers to a Korean sentence\n\n{heads_introduction(manifest)}",
        "## Use\n\n" + heads_usage(manifest, next(iter(heads))),
        "## Scores\n\n" + heads_scores(heads),
        "## Data\n\n" + "\n\n".join(head_data(head, multi_corpus) for head in heads),
        "## Cleaning\n\n" + fenced(str(multi_corpus.cleaning_report)),
        "## Settings\n\n" + card_settings(manifest),
        "## Limits\n\n" + heads_limits(manifest),
    ]
    return "\n\n".join(sections) + "\n"


def heads_front_matter(multi_corpus: MultiCorpus) -> str:
    """The YAML block; a licence that not all corpora share is "other" there and stands in full in the text."""
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
    """What the model answers, and from what it was made."""
    rows = [
        f"- **{head}**: {', '.join(map(escape_markdown, entry['labels']['names']))}"
        for head, entry in manifest.details["heads"].items()
    ]
    return (
        f"One encoder with {len(rows)} classifiers side by side: one pass of a sentence answers them all.\n\n"
        + "\n".join(rows)
        + f"\n\nTrained with munjang {manifest.munjang} from `{manifest.origin}` on {escape_markdown(manifest.corpus)}."
    )


def heads_usage(manifest: Manifest, head: str) -> str:
    """Lines to copy."""
    return (
        f'```sh\nmunjang analyze --model MODEL_FOLDER "{SENTENCE}"\nmunjang predict MODEL_FOLDER/{head} "{SENTENCE}"\n'
        f'```\n\n```python\nimport munjang as mj\n\nmj.analyze("{SENTENCE}", model="MODEL_FOLDER")\n'
        f'mj.load("MODEL_FOLDER/{head}").predict("{SENTENCE}")\n```\n\n'
        "Plain transformers opens the same folder as one classifier whose labels are called HEAD/LABEL. Its softmax "
        "over all of them means nothing: take the logits of one head, divide them by its temperature, then softmax. "
        f"munjang cleans a text before it is read ({', '.join(manifest.steps) or 'no steps'}); transformers does not."
    )


def heads_scores(heads: dict[str, Any]) -> str:
    """A row for each head: what it is scored on, how right it is, and its calibration."""
    rows = []
    for head, entry in heads.items():
        on = "test" if entry["test"] else "validation"
        found, calibration = entry[on], entry["calibration"]
        rows.append(
            [
                head, entry["corpus"], len(entry["labels"]["names"]), on, f"{found['n']:,}",
                score_text(found["accuracy"]), score_text(found["macro_f1"]),
                score_text(calibration["before"]), score_text(calibration["after"]), f"{entry['temperature']:.3f}",
            ]
        )  # fmt: skip
    header = [
        "head", "corpus", "labels", "split", "sentences", "accuracy", "macro F1", "ECE before", "ECE after",
        "temperature",
    ]  # fmt: skip
    chosen = markdown_table(
        [_("head"), _("validation sentences"), _("accuracy"), _("macro F1")],
        [
            [head, f"{own['n']:,}", score_text(own["accuracy"]), score_text(own["macro_f1"])]
            for head, own in ((head, entry["validation"]) for head, entry in heads.items())
        ],
    )
    return (
        f"{markdown_table(header, rows)}\n\nTest splits were read once, after training. A head's temperature divides "
        "its logits before the softmax; it was fitted on validation, and changes how sure an answer is, never which. "
        f"ECE: expected calibration error over {CALIBRATION_BINS} equally wide ranges of the answer's probability, "
        "before and after.\n\nOn validation, by whose mean macro F1 the weights were chosen and on which the "
        f"temperatures were fitted:\n\n{chosen}"
    )


def head_data(head: str, multi_corpus: MultiCorpus) -> str:
    """Origin, licence and sizes of one head's corpus after cleaning."""
    corpus = multi_corpus.parts[head].corpus
    card = corpus.card
    facts = [f"### {head}: {escape_markdown(corpus.name)}", ""]
    facts += [f"Source: {escape_markdown(public_source(card.source))}."] if card.source else []
    facts.append(f"Licence of the data: {escape_markdown(card.licence)}.")
    facts += [f"Note: {escape_markdown(note)}" for note in card.notes]
    facts += [f"Citation: {escape_markdown(card.citation)}"] if card.citation else []
    if addition := multi_corpus.additions.get(head):
        source = escape_markdown(public_source(addition.corpus.card.source))
        facts.append(
            f"Further rows of train: {addition.rows:,} of {source}. So its scores do not compare with those of models "
            f"that learnt from {escape_markdown(corpus.name)} alone."
        )
    sizes = ", ".join(f"{split} {len(getattr(corpus, split)):,}" for split in SPLITS)
    gone = len(multi_corpus.cross_leaks[head])
    facts.append(f"Sentences: {sizes}; {gone:,} removed from train that another corpus's test or validation holds.")
    return "\n".join(facts)


def heads_limits(manifest: Manifest) -> str:
    """What the scores do not say."""
    points = [
        "The scores hold for texts like those of each corpus; for other sources measure again, on labels of your own.",
        "Every head gives every text one of its labels, also a text that fits none; look at the score.",
        "Temperatures were fitted on the same kind of text, too: elsewhere a head may be surer than it should be.",
        f"Texts of more than {manifest.max_length} tokens are cut; munjang says so.",
        "The licences of the data, and that of the backbone, go with the weights.",
    ]
    return "\n".join(f"- {point}" for point in points)
