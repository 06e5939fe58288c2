"""Which of a model's labels each label of a corpus is: by name, never by position."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from munjang.errors import DataError
from munjang.records import Label, LabelSet, names_of


def match_labels(
    found: Iterable[str],
    model: LabelSet,
    corpus: LabelSet | None = None,
    label_map: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """For each label `found` in the examples, the model's name for it.

    A label goes by `label_map` where that names it; else by its name, or another name that the corpus or the model has
    for it (numbers are only names where the model itself knows them). A label that `corpus` does not have (a 3 among 0
    and 1) is left out of the answer. If one of the others is not the model's, a DataError lists both sides.
    """
    matched, strangers = {}, []
    for label in found:
        name = corpus.resolve(label) if corpus is not None and label in corpus else label
        chosen = chosen_by(label_map or {}, label, name)
        if chosen is not None:
            matched[label] = resolve_target(chosen, name, model)
            continue
        if corpus is not None and label not in corpus:
            continue
        known = [other for other in other_names(name, corpus) if other in model]
        if known:
            matched[label] = model.resolve(known[0])
        else:
            strangers.append(name)
    if strangers:
        raise DataError(mismatch(list(dict.fromkeys(strangers)), model, corpus, matched))
    return matched


def chosen_by(label_map: Mapping[str, str], label: str, name: str) -> str | None:
    """What the map says about a label, under the name in the file or in the corpus's set."""
    return label_map.get(label, label_map.get(name))


def resolve_target(target: str, name: str, model: LabelSet) -> str:
    """The model's name for the right-hand side of a map."""
    if target not in model:
        raise DataError(f"--map {name}={target}: the model has no label '{target}'; it has {model.listing}.")
    return model.resolve(target)


def other_names(name: str, corpus: LabelSet | None) -> list[str]:
    """The label's name, then its other names in the corpus (numbers excepted: they differ from source to source)."""
    aliases = corpus.aliases.items() if corpus is not None else ()
    return [name, *(alias for alias, meant in aliases if meant == name and not alias.isdecimal())]


def mismatch(strangers: list[str], model: LabelSet, corpus: LabelSet | None, matched: Mapping[str, str]) -> str:
    """The message for labels that the model does not have."""
    there = corpus.listing if corpus is not None else ", ".join(dict.fromkeys([*matched, *strangers]))
    example = ";".join(f"{name}=…" for name in strangers[:4])  # which is which is not for us to guess
    return (
        f"The model does not know the label{'s' * (len(strangers) > 1)} {', '.join(strangers)}. "
        f"The model has {model.listing}; the data has {there}. "
        f"Say which is which: --map '{example}' (in Python, label_map), each … one of the model's labels."
    )


def by_number(matched: Mapping[str, str]) -> str:
    """A note on labels that were matched as numbers which the model knows, or ""."""
    numbers = [f"{label} = {name}" for label, name in matched.items() if label.isdecimal() and label != name]
    return f"labels by the model's own numbers: {', '.join(numbers)}" if numbers else ""


def translate(label: Label, matched: Mapping[str, str]) -> tuple[str, ...] | None:
    """A label as the model's names; None where one of its names is outside the corpus's set."""
    names = names_of(label)
    return None if any(name not in matched for name in names) else tuple(matched[name] for name in names)
