"""Reports that were written as JSON: by `munjang evaluate --json`, or by training into the model's folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from munjang.errors import BundleError, DataError
from munjang.metrics.label_report import LabelReport
from munjang.metrics.report import Report
from munjang.metrics.tree_report import TreeReport
from munjang.models.folder import read_json_object
from munjang.translation import _

TEST_REPORT = Path("run", "test.json")
"""The report of the test split, in a model's folder."""

REPORTS: dict[str, type[Report]] = {"parsing": TreeReport}
"""Task -> the class of its reports; tasks that are not listed have a LabelReport."""


def read_report(values: Mapping[str, Any]) -> Report:
    """The report that `to_dict` of a Report gave; anything else is a DataError."""
    try:
        values = present_keys(values)
        return REPORTS.get(values["task"], LabelReport).from_dict(values)
    except KeyError as error:
        raise DataError(
            _("This is no report of munjang evaluate: it has no key '{key}'.", key=error.args[0])
        ) from error
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        raise DataError(_("This is no report of munjang evaluate: {reason}.", reason=error)) from error


def present_keys(data: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON values of a report under today's keys; reports that munjang 0.1.0 saved have others or lack some."""
    values = renamed(data, {"gold": "references", "guessed": "predicted", "worst": "top_errors"})
    values = {"slices": [], "robustness": [], "accepted": None, "reliability": [], "coverage": []} | values
    for rows in ("per_label", "per_relation", "top_errors"):
        if rows in values:
            values[rows] = [renamed(row, {"gold": "reference", "guessed": "predicted"}) for row in values[rows]]
    return values


def renamed(data: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The same values under other keys. names: old key -> new key."""
    return {names.get(key, key): value for key, value in data.items()}


def saved_test_report(folder: Path) -> Report | None:
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
