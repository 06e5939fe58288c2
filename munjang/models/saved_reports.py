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

FOLDS_REPORT = Path("run", "folds.json")
"""The scores of the folds, in a model's folder."""

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


def saved_report(folder: Path) -> Report | None:
    """The report that training left in a model's folder: of the test split, else of the folds; None without either.

    BundleError: the file is damaged.
    """
    path = next((path for name in (TEST_REPORT, FOLDS_REPORT) if (path := folder / name).is_file()), None)
    if path is None:
        return None
    try:
        values = read_json_object(path)
        return read_report(values.get("report", {}) if path == folder / FOLDS_REPORT else values)
    except DataError as error:
        raise BundleError(_("{path} cannot be read: {reason}.", path=path, reason=error)) from error
