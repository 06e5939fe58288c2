"""Subjects, objects and modifiers in a tree, as triples; a parse as JSON values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from munjang.config.arguments import checked
from munjang.records import Parse, Tree

SUBJECT, OBJECT, MODIFIER = "subject", "object", "modifier"
MODIFYING = {"DP", "amod", "nmod", "acl", "det", "nummod"}  # and KLUE's relations that end in _MOD


@dataclass(frozen=True, slots=True)
class Triple:
    """Word `word` is the subject, object or modifier (`kind`) of word `head`; positions in the sentence, from 1."""

    kind: str
    word: int
    head: int
    word_text: str
    head_text: str


@checked()
def triples(tree: Tree | Parse) -> list[Triple]:
    """The subjects, objects and modifiers in a tree, in the order of its words.

    They come from the relations of KLUE (NP_SBJ, NP_OBJ, VP_MOD, DP, …) or Universal Dependencies (nsubj, obj, …).
    """
    tree = tree.tree if isinstance(tree, Parse) else tree
    return [
        Triple(kind, word, head, tree.words[word - 1], tree.words[head - 1])
        for word, (head, name) in enumerate(zip(tree.heads, tree.relations, strict=True), start=1)
        if head and (kind := triple_kind(name))
    ]


def triple_kind(relation: str) -> str:
    """subject, object or modifier; "" for any other relation."""
    function = relation.partition("_")[2]
    plain = relation.partition(":")[0]
    if function == "SBJ" or plain in ("nsubj", "csubj"):
        return SUBJECT
    if function == "OBJ" or plain in ("obj", "iobj"):
        return OBJECT
    return MODIFIER if function == "MOD" or plain in MODIFYING else ""


def parse_to_json(parse: Parse) -> dict[str, Any]:
    """A parse as JSON values: text, words with head, relation and the head's probability, the triples, and the note."""
    tree = parse.tree
    rows = zip(tree.words, tree.heads, tree.relations, strict=True)
    words = [{"id": i, "word": word, "head": head, "relation": name} for i, (word, head, name) in enumerate(rows, 1)]
    for word, probability in zip(words, parse.probabilities, strict=False):
        word["probability"] = round(probability, 4)
    return {
        "text": parse.text,
        "words": words,
        "relations": [asdict(item) for item in triples(tree)],
        "note": parse.note,
    }
