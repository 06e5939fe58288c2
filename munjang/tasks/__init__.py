"""The tasks of munjang. A new one is a module here and a line in TASKS.

`masked_lm` is not in the table: it has a vocabulary instead of labels, and only pre-training makes one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from munjang.errors import unknown_name
from munjang.records import Corpus, LabelSet, Tree
from munjang.tasks.base import Task
from munjang.tasks.classification import Classification, MultiLabel
from munjang.tasks.multihead import Heads
from munjang.tasks.parsing import options_for, parsing
from munjang.translation import _

TASKS: dict[str, Callable[..., Task]] = {
    "classification": Classification,
    "multi-label": MultiLabel,
    "heads": Heads,
    "parsing": parsing,
}


def make_task(name: str, labels: LabelSet, **options: Any) -> Task:
    """The task of that name with these labels. options: as in `Task.options`. UnknownName lists the known names."""
    if name not in TASKS:
        raise unknown_name(_("task"), name, TASKS)
    return TASKS[name](labels, **options)


def task_for(corpus: Corpus, *, parser: str | None = None) -> Task:
    """The task of a corpus; a parser's options come from the trees of the train split.

    parser: how a treebank is parsed.
    """
    if corpus.task != "parsing":
        return make_task(corpus.task, corpus.labels)
    trees = [example.label for example in corpus.train if isinstance(example.label, Tree)]
    return make_task(corpus.task, corpus.labels, **options_for(trees, parser or "biaffine"))
