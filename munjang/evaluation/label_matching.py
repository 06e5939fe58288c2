"""Which of a model's labels each label of a corpus is: by name, never by position."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from munjang.errors import DataError
from munjang.records import Label, LabelSet, names_of
from munjang.translation import _


def match_labels(
    found: Iterable[str],
    model: LabelSet,
    corpus: LabelSet | None = None,
    label_map: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """For each label `found` in the examples, the model's name for it.

    A label goes by `label_map` where that names it; else by its name, or another name that the corpus or the model has
    for it. A class number is no name: which class is 0 differs from source to source. A label that `corpus` does not
    have (a 3 among 0 and 1) is left out of the answer. If one of the others is not the model's, a DataError lists both
    sides.
    """
    found = list(dict.fromkeys(found))
    chosen = read_map(label_map or {}, found, model, corpus)
    matched, strangers = {}, []
    for label in found:
        name = corpus_label_name(label, corpus)
        if name in chosen:
            matched[label] = chosen[name]
        elif corpus is None or label in corpus:
            known = [other for other in other_names(name, corpus) if is_name(other, model)]
            if known:
                matched[label] = model.resolve(known[0])
            else:
                strangers.append(name)
    if strangers:
        raise DataError(mismatch(list(dict.fromkeys(strangers)), model, corpus, matched))
    return matched


def corpus_label_name(label: str, corpus: LabelSet | None) -> str:
    """The corpus's own name for a label or alias; the label itself where it has none."""
    return corpus.resolve(label) if corpus is not None and label in corpus else label


def read_map(
    label_map: Mapping[str, str], found: list[str], model: LabelSet, corpus: LabelSet | None
) -> dict[str, str]:
    """The map with both sides under their own names; a DataError for a label that the data or the model lacks."""
    chosen = {}
    for label, target in label_map.items():
        name = corpus_label_name(label, corpus)
        if name not in found and (corpus is None or name not in corpus):
            there = corpus.listing if corpus is not None else ", ".join(found)
            raise DataError(
                _(
                    "--map {label}={target}: the data has no label '{label}'; it has {there}.",
                    label=label,
                    target=target,
                    there=there,
                )
            )
        if target not in model:
            raise DataError(
                _(
                    "--map {label}={target}: the model has no label '{target}'; it has {model}.",
                    label=label,
                    target=target,
                    model=model.listing,
                )
            )
        chosen[name] = model.resolve(target)
    return chosen


def is_name(name: str, labels: LabelSet) -> bool:
    """Whether `labels` has this name, or it as another name and not as a class number."""
    return name in labels.names or (name in labels.aliases and not name.isdecimal())


def other_names(name: str, corpus: LabelSet | None) -> list[str]:
    """The label's name, then its other names in the corpus, without the class number."""
    aliases = corpus.aliases.items() if corpus is not None else ()
    return [name, *(alias for alias, meant in aliases if meant == name and not alias.isdecimal())]


def mismatch(strangers: list[str], model: LabelSet, corpus: LabelSet | None, matched: Mapping[str, str]) -> str:
    """The message for labels that the model does not have."""
    there = corpus.listing if corpus is not None else ", ".join(dict.fromkeys([*matched, *strangers]))
    first = (
        f"The model does not know the label{'s' * (len(strangers) > 1)} {', '.join(strangers)}. "
        f"The model has {model.listing}; the data has {there}. "
    )
    if all(name in model.aliases for name in strangers):  # class numbers as they were where the model learnt
        pairs = ";".join(f"{name}={model.resolve(name)}" for name in sorted(strangers, key=int))
        return f"{first}If the numbers mean what they meant in the model's corpus: --map '{pairs}'."
    pairs = ";".join(f"{name}=…" for name in strangers[:4])  # which is which is not for us to guess
    return f"{first}Say which is which: --map '{pairs}' (in Python, label_map), each … one of the model's labels."


def translate(label: Label, matched: Mapping[str, str]) -> tuple[str, ...] | None:
    """A label as the model's names; None where one of its names is outside the corpus's set."""
    names = names_of(label)
    return None if any(name not in matched for name in names) else tuple(matched[name] for name in names)
