"""The tasks munjang knows. A new one is a module here and a line in TASKS.

`masked` is not in the table: it has a vocabulary in the place of labels, and pre-training alone makes one.
"""

from __future__ import annotations

from munjang.errors import unknown_name
from munjang.records import LabelSet
from munjang.tasks.base import Task
from munjang.tasks.classification import Classification, MultiLabel
from munjang.tasks.heads import Heads

TASKS = {"classification": Classification, "multi-label": MultiLabel, "heads": Heads}


def make_task(name: str, labels: LabelSet) -> Task:
    """The task of that name over these labels; an unknown name lists the known ones."""
    if name not in TASKS:
        raise unknown_name("task", name, TASKS)
    return TASKS[name](labels)
