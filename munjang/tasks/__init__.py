"""The tasks munjang knows. A new one is a module here and a line in TASKS.

`masked` is not in the table: it has a vocabulary in the place of labels, and pre-training alone makes one.
"""

from __future__ import annotations

from typing import Any

from munjang.errors import unknown_name
from munjang.records import Corpus, LabelSet
from munjang.tasks.base import Task
from munjang.tasks.classification import Classification, MultiLabel
from munjang.tasks.multihead import Heads
from munjang.tasks.parsing import options_for, parsing

TASKS = {"classification": Classification, "multi-label": MultiLabel, "heads": Heads, "parsing": parsing}


def make_task(name: str, labels: LabelSet, **options: Any) -> Task:
    """The task of that name over these labels; an unknown name lists the known ones. options: as `Task.options`."""
    if name not in TASKS:
        raise unknown_name("task", name, TASKS)
    return TASKS[name](labels, **options)


def task_for(corpus: Corpus, *, parser: str | None = None, pos: bool = False) -> Task:
    """The task of a corpus, which may look at its train split. parser, pos: how a treebank is parsed."""
    if corpus.task != "parsing":
        return make_task(corpus.task, corpus.labels)
    trees = [example.label for example in corpus.train]
    options = options_for(trees, parser or "biaffine", pos=pos)
    return make_task(corpus.task, corpus.labels, **options)
