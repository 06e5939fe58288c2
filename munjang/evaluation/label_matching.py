"""Which of a model's labels each label of a corpus is: by name, never by position."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from munjang.errors import DataError
from munjang.records import Label, LabelSet, names_of, quote_name
from munjang.translation import _, ngettext, option_text


def match_labels(
    labels: Iterable[str],
    model: LabelSet,
    corpus: LabelSet | None = None,
    label_map: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """For each of the examples' `labels`, the model's name for it.

    A label is matched by `label_map` where it is listed there; else by its name, or another name that the corpus or the
    model has for it. A class number is not a name: which class is 0 differs from source to source. A label that
    `corpus` does not have (a 3 among 0 and 1) is left out of the result. DataError: the model does not have one of the
    others; the message lists both sides.
    """
    labels = list(dict.fromkeys(labels))
    chosen = read_map(label_map or {}, labels, model, corpus)
    matched, unknown = {}, []
    for label in labels:
        name = corpus_label_name(label, corpus)
        if name in chosen:
            matched[label] = chosen[name]
        elif corpus is None or label in corpus:
            known = [other for other in other_names(name, corpus) if is_name(other, model)]
            if known:
                matched[label] = model.resolve(known[0])
            else:
                unknown.append(name)
    if unknown:
        raise DataError(mismatch(list(dict.fromkeys(unknown)), model, corpus, matched))
    return matched


def corpus_label_name(label: str, corpus: LabelSet | None) -> str:
    """The corpus's name for a label or alias; the label itself where it has none."""
    return corpus.resolve(label) if corpus is not None and label in corpus else label


def read_map(
    label_map: Mapping[str, str], labels: list[str], model: LabelSet, corpus: LabelSet | None
) -> dict[str, str]:
    """The map with aliases replaced by names; a DataError for a label that the data or the model does not have."""
    chosen = {}
    for label, target in label_map.items():
        name, pair = corpus_label_name(label, corpus), option_text(label_map={label: target})
        if name not in labels and (corpus is None or name not in corpus):
            raise DataError(
                _(
                    "{pair}: the data has no label '{label}'; it has {labels}.",
                    pair=pair,
                    label=label,
                    labels=corpus.listing if corpus is not None else ", ".join(labels),
                )
            )
        if target not in model:
            raise DataError(
                _(
                    "{pair}: the model has no label '{target}'; it has {labels}.",
                    pair=pair,
                    target=target,
                    labels=model.listing,
                )
            )
        chosen[name] = model.resolve(target)
    return chosen


def is_name(name: str, labels: LabelSet) -> bool:
    """Whether `labels` has this name, as a name or as an alias that is not a class number."""
    return name in labels.names or (name in labels.aliases and not name.isdecimal())


def other_names(name: str, corpus: LabelSet | None) -> list[str]:
    """The label's name, then its other names in the corpus, without the class number."""
    aliases = corpus.aliases.items() if corpus is not None else ()
    return [name, *(alias for alias, meant in aliases if meant == name and not alias.isdecimal())]


def mismatch(unknown: list[str], model: LabelSet, corpus: LabelSet | None, matched: Mapping[str, str]) -> str:
    """The message for labels that the model does not have."""
    problem = ngettext(
        "The model does not know the label {unknown}. The model has {known}; the data has {in_data}.",
        "The model does not know the labels {unknown}. The model has {known}; the data has {in_data}.",
        len(unknown),
        unknown=", ".join(map(quote_name, unknown)),
        known=model.listing,
        in_data=corpus.listing
        if corpus is not None
        else ", ".join(map(quote_name, dict.fromkeys([*matched, *unknown]))),
    )
    if all(name in model.aliases for name in unknown):  # class numbers as in the corpus that the model was trained on
        pairs = option_text(label_map={name: model.resolve(name) for name in sorted(unknown, key=int)})
        remedy = _("If the numbers mean the same as in the model's corpus: {pairs}.", pairs=pairs)
    else:
        pairs = option_text(label_map=dict.fromkeys(unknown[:4], "…"))  # munjang does not guess which label is which
        remedy = _("Say which is which: {pairs}, each … one of the model's labels.", pairs=pairs)
    return f"{problem} {remedy}"


def translate(label: Label, matched: Mapping[str, str]) -> tuple[str, ...] | None:
    """A label as the model's names; None where one of its names is outside the corpus's set."""
    names = names_of(label)
    return None if any(name not in matched for name in names) else tuple(matched[name] for name in names)
