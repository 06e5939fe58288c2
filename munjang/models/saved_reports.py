"""Reports that were written as JSON: by `munjang evaluate --json`, or by training into the model's folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from munjang.errors import BundleError, DataError
from munjang.metrics.report import Report
from munjang.metrics.tree_report import TreeReport
from munjang.models.folder import read_json_object
from munjang.translation import _

TEST_REPORT = Path("run", "test.json")
"""The report of the test split, in a model's folder."""


def read_report(values: Mapping[str, Any]) -> Report | TreeReport:
    """The report that `to_dict` of a Report or a TreeReport gave; anything else is a DataError."""
    kind = TreeReport if values.get("task") == "parsing" else Report
    return kind.from_dict(values)


def saved_test_report(folder: Path) -> Report | TreeReport | None:
    """The report of the test split that training left in a model's folder; None without one.

    BundleError: the file is damaged.
    """
    path = folder / TEST_REPORT
    if not path.is_file():
        return None
    try:
        return read_report(read_json_object(path))
    except DataError as error:
        raise BundleError(_("{path} cannot be read: {reason}.", path=path, reason=error)) from error
