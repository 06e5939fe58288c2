"""The tasks of munjang. A new one is a module here and a line in TASKS.

`masked_lm` is not in the table: it has a vocabulary instead of labels, and only pre-training makes one.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from munjang.errors import unknown_name
from munjang.records import Corpus, LabelSet, Tree
from munjang.tasks.base import Task
from munjang.translation import _

TASKS = {
    "classification": "munjang.tasks.classification:Classification",
    "multi-label": "munjang.tasks.classification:MultiLabel",
    "heads": "munjang.tasks.multihead:Heads",
    "parsing": "munjang.tasks.parsing:parsing",
}
"""The name of a task, as corpora and model folders store it -> "module:name" of what makes it from its labels."""


def make_task(name: str, labels: LabelSet, **options: Any) -> Task:
    """The task of that name with these labels. options: as in `Task.options`. UnknownName lists the known names."""
    if name not in TASKS:
        raise unknown_name(_("task"), name, TASKS)
    module, __, maker = TASKS[name].partition(":")
    return getattr(import_module(module), maker)(labels, **options)


def task_for(corpus: Corpus, *, parser: str | None = None) -> Task:
    """The task of a corpus; a parser's options come from the trees of the train split.

    parser: how a treebank is parsed.
    """
    if corpus.task != "parsing":
        return make_task(corpus.task, corpus.labels)
    from munjang.tasks.parsing import options_for

    trees = [example.label for example in corpus.train if isinstance(example.label, Tree)]
    return make_task(corpus.task, corpus.labels, **options_for(trees, parser or "biaffine"))
