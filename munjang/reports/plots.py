"""The plots of a corpus and of a run. Each function takes plain numbers and returns a matplotlib Figure.

`munjang.reports.figures` saves one with `save_png(figure, path)` and puts it into a page with `to_svg(figure, name)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from munjang.metrics.tables import title as metric_title
from munjang.reports.figures import (
    BLUE,
    GREEN,
    INK,
    NAME_WIDTH,
    ORANGE,
    PALE_BLUE,
    QUIET,
    SPLIT_COLOURS,
    blues,
    drawable,
    label_list,
    legend_below,
    new_figure,
    style,
)
from munjang.tables import display_width, shorten_text
from munjang.translation import _, ngettext

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from munjang.metrics.report import Report


def length_histogram(lengths: Mapping[str, Sequence[int]], *, title: str = "") -> Figure:
    """The lengths of the texts: for each split, the share of its texts in each range of lengths.

    lengths: split -> the characters of each text. The axis ends at the 99.5th percentile; its label says how many are
    longer.
    """
    given = {split: np.asarray(values) for split, values in lengths.items() if len(values)}
    pooled = np.concatenate(list(given.values())) if given else np.zeros(1)
    end = max(10, int(np.ceil(np.percentile(pooled, 99.5))))
    step = max(1, round(end / 40))
    edges = np.arange(0, end + 2 * step, step) - 0.5
    with style():
        figure, axes = new_figure(6.4, 3.4)
        for i, (split, values) in enumerate(given.items()):
            shares = 100 * np.histogram(values, edges)[0] / len(values)
            colour = PALE_BLUE if i == 0 else SPLIT_COLOURS.get(split, BLUE)
            axes.stairs(
                shares, edges, fill=i == 0, color=colour, linewidth=1.6,
                label=_(
                    "{split} (mean {mean:,.1f}, longest {longest:,})",
                    split=split, mean=values.mean(), longest=values.max(),
                ),
            )  # fmt: skip
        beyond = int((pooled > edges[-1]).sum())
        axes.set_xlim(edges[0], edges[-1])
        axes.set_xlabel(
            ngettext(
                "length in characters; {count:,} longer text is not shown",
                "length in characters; {count:,} longer texts are not shown",
                beyond,
            )
            if beyond
            else _("length in characters")
        )
        axes.set_ylabel(_("share of texts, %"))
        axes.grid(axis="y")
        axes.set_title(drawable(title or _("Length of the texts")))
        if given:
            axes.legend(loc="upper right")
    return figure


def label_bars(counts: Mapping[str, Mapping[str, int]], rows: Mapping[str, int], *, title: str = "") -> Figure:
    """The distribution of the labels: a bar for the first split, a dot for each other split, as shares of its rows.

    counts: split -> label -> rows with it. rows: split -> all its rows. Labels keep their order.
    """
    splits = list(counts)
    names = list(dict.fromkeys(name for split in splits for name in counts[split]))
    positions = np.arange(len(names))
    with style():
        figure, axes = label_list(names)
        top = 0.0
        for i, split in enumerate(splits):
            shares = np.array([100 * counts[split].get(name, 0) / max(1, rows[split]) for name in names])
            top = max([top, *shares])
            label = ngettext("{split} ({count:,} text)", "{split} ({count:,} texts)", rows[split], split=split)
            if i == 0:
                axes.barh(positions, shares, height=0.62, color=PALE_BLUE, label=label)
            else:
                axes.plot(shares, positions, "o", color=SPLIT_COLOURS.get(split, BLUE), markersize=5.5, label=label)
        for position, name in enumerate(names):
            highest = max(100 * counts[split].get(name, 0) / max(1, rows[split]) for split in splits)
            axes.annotate(
                f"{counts[splits[0]].get(name, 0):,}", (highest, position), (8, 0), textcoords="offset points",
                va="center", fontsize=9, color=QUIET,
            )  # fmt: skip
        axes.set_xlim(0, top * 1.13 or 1)
        axes.set_xlabel(
            _("share of texts, %; the number is the count in {split}", split=splits[0])
            if splits
            else _("share of texts, %")
        )
        axes.set_title(drawable(title or _("Labels")))
        if len(splits) > 1:
            legend_below(figure, axes)
    return figure


def f1_bars(
    scores: Mapping[str, float],
    support: Mapping[str, int],
    *,
    baseline: Mapping[str, float] | None = None,
) -> Figure:
    """F1 of each label as a bar, its support as a number, the baseline's F1 as a dot where one is given."""
    names = list(scores)
    positions = np.arange(len(names))
    with style():
        figure, axes = label_list(names)
        axes.barh(positions, list(scores.values()), height=0.62, color=PALE_BLUE, label=_("this model"))
        if baseline:
            axes.plot(
                [baseline.get(name, np.nan) for name in names], positions, "o", color=ORANGE, label=_("linear baseline")
            )
        for position, name in enumerate(names):
            axes.annotate(
                f"{scores[name]:.2f}   n = {support.get(name, 0):,}", (1.0, position), (6, 0),
                textcoords="offset points", va="center", fontsize=9, color=QUIET, annotation_clip=False,
            )  # fmt: skip
        axes.set_xlim(0, 1)
        axes.set_xlabel(_("F1"))
        axes.set_title(drawable(_("F1 of each label")))
        if baseline:
            legend_below(figure, axes)
    return figure


def plot_confusion_matrix(matrix: Sequence[Sequence[int]], names: Sequence[str], *, title: str = "") -> Figure:
    """The predictions (columns) for each true label (rows), as a share of the row; counts in the cells if they fit.

    matrix: (L, L) counts, row = true label, column = predicted.
    """
    counts = np.asarray(matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = len(names)
    cell = 0.95 if size <= 3 else 0.72 if size <= 8 else 0.42 if size <= 24 else 0.24
    shown = [shorten_text(drawable(name), NAME_WIDTH if size <= 24 else 16) for name in names]
    upright = size > 8 or max(map(display_width, shown), default=0) > 4 + 10 * cell
    with style():
        margin = 0.9 + 0.075 * max(map(display_width, shown), default=0) + (0.9 if size > 24 else 0)
        figure, axes = new_figure(margin + cell * size, 1.5 + cell * size + (0.8 if upright else 0))
        image = axes.imshow(shares, cmap=blues(), vmin=0, vmax=1, interpolation="nearest")
        axes.set_xticks(range(size), shown, rotation=90 if size > 8 else 35 if upright else 0)
        if upright and size <= 8:
            for label in axes.get_xticklabels():
                label.set(ha="right", rotation_mode="anchor")
        axes.set_yticks(range(size), shown)
        axes.tick_params(length=0, labelsize=9.5 if size <= 24 else 8)
        axes.set_xlabel(_("predicted") if size <= 8 else _("predicted; the colour is the share of the true label"))
        axes.set_ylabel(_("true"))
        axes.spines[:].set_visible(False)
        axes.set_xticks(np.arange(size + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(size + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="white", linewidth=1.5 if size <= 24 else 0.6)
        axes.tick_params(which="minor", length=0)
        if size <= 24:
            write_cells(axes, counts, shares, size)
        else:
            colours = figure.colorbar(image, ax=axes, shrink=0.5, pad=0.02, aspect=30)
            colours.outline.set_visible(False)
            colours.set_label(_("share of the true label"))
        axes.set_title(drawable(title or _("Confusion matrix")))
    return figure


def write_cells(axes: Axes, counts: np.ndarray, shares: np.ndarray, size: int) -> None:
    """The count in each cell that has one, and its share where there is room."""
    for row, column in np.argwhere(counts > 0):
        share = shares[row, column]
        text = f"{counts[row, column]:,}" + (f"\n{share:.1%}" if size <= 8 else "")
        axes.text(
            column, row, text, ha="center", va="center", fontsize=9 if size <= 8 else 6.5,
            color="white" if share > 0.55 else INK, linespacing=1.35,
        )  # fmt: skip


def training_curve(log_rows: Sequence[Mapping[str, float]], *, title: str = "") -> Figure:
    """Loss over the steps, and beneath it the validation scores.

    log_rows: rows of run/log.jsonl: `step`, with `loss`, or with `validation_loss` and other `validation_…` scores.
    """
    names = sorted(
        {key for row in log_rows for key in row if key.startswith("validation_") and key != "validation_loss"}
    )
    with style():
        from matplotlib.ticker import MaxNLocator

        figure, __ = new_figure(6.4, 4.2 if names else 2.8)
        figure.clear()
        panels = list(np.atleast_1d(figure.subplots(2 if names else 1, 1, sharex=True)))
        steps, losses = series(log_rows, "loss")
        if len(steps):
            panels[0].plot(steps, losses, "o-" if len(steps) == 1 else "-", color=BLUE, linewidth=1.5, label=_("train"))
        steps, losses = series(log_rows, "validation_loss")
        if len(steps):
            panels[0].plot(steps, losses, "o-", color=GREEN, linewidth=1.5, markersize=4.5, label=_("validation"))
        panels[0].set_ylabel(_("loss"))
        losses = [row[key] for row in log_rows for key in ("loss", "validation_loss") if key in row]
        panels[0].set_ylim(0, 1.15 * max(losses, default=1))
        if panels[0].lines:
            panels[0].legend(loc="upper right")
        for name, colour in zip(names, (GREEN, ORANGE, BLUE, QUIET), strict=False):
            steps, values = series(log_rows, name)
            shown = metric_title(name.removeprefix("validation_"))
            panels[1].plot(steps, values, "o-", color=colour, linewidth=1.5, markersize=4.5, label=shown)
            best = int(np.argmax(values))
            panels[1].annotate(
                f"{values[best]:.3f}", (steps[best], values[best]), (0, 7), textcoords="offset points", ha="center",
                fontsize=9, color=colour,
            )  # fmt: skip
        if names:
            panels[1].set_ylabel(_("validation score"))
            panels[1].margins(y=0.25)
            panels[1].legend(loc="lower right")
        for panel in panels:
            panel.grid(axis="y")
            panel.yaxis.set_major_locator(MaxNLocator(5))
        panels[-1].set_xlabel(_("step"))
        panels[-1].set_xlim(0, 1.04 * max([row["step"] for row in log_rows], default=1))
        panels[-1].xaxis.set_major_locator(MaxNLocator(8, integer=True))
        panels[0].set_title(drawable(title or _("Training")))
    return figure


def reliability(
    bins: Sequence[Mapping[str, Any]], error: float, spread: Sequence[Mapping[str, Any]] | None = None
) -> Figure:
    """Accuracy of the predictions at each confidence; beneath it the share of predictions with that confidence.

    bins: `confidence` and `accuracy` (means over the bin) and `count`; where bins have equal counts, `accuracy_low` and
    `accuracy_high`, its interval. error: the expected calibration error. spread: bins of equal width, for the shares
    beneath; None: the same bins.
    """
    filled = [item for item in bins if item["count"]]
    spread = [item for item in spread or filled if item["count"]]
    total = sum(item["count"] for item in spread)
    with style():
        figure, __ = new_figure(4.6, 4.6)
        figure.clear()
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        upper.plot([0, 1], [0, 1], color=QUIET, linewidth=1, linestyle=(0, (4, 3)), label=_("confidence = accuracy"))
        confidences = [item["confidence"] for item in filled]
        upper.plot(
            confidences, [item["accuracy"] for item in filled], "o-", color=BLUE, linewidth=1.5, label=_("this model")
        )
        if "accuracy_low" in filled[0]:
            ends = [[item[f"accuracy_{end}"] for item in filled] for end in ("low", "high")]
            upper.vlines(confidences, *ends, color=BLUE, linewidth=2.5, alpha=0.4)
        upper.set(xlim=(0, 1), ylim=(0, 1.02), ylabel=_("share that is right"))
        upper.grid()
        upper.legend(loc="upper left")
        shares = [100 * item["count"] / total for item in spread]
        lower.bar([item["confidence"] for item in spread], shares, width=0.045, color=PALE_BLUE)
        lower.set(xlabel=_("confidence of the prediction"), ylabel=_("texts, %"))
        lower.grid(axis="y")
        upper.set_title(drawable(_("Calibration (error {error:.3f})", error=error)))
    return figure


def coverage(curve: Sequence[Sequence[float]]) -> Figure:
    """The share that is right if only the surest predictions are given. curve: (share given, share right) by share."""
    shares, right = np.array(curve, float).T
    with style():
        figure, axes = new_figure(4.6, 3.4)
        axes.plot(100 * shares, 100 * right, color=BLUE, linewidth=1.8)
        for target in (90, 95, 99):
            axes.axhline(target, color=QUIET, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.set(
            xlim=(0, 100), xlabel=_("share that is answered, the surest first, %"), ylabel=_("share that is right, %")
        )
        axes.set_ylim(min(89.0, 100 * right.min() - 1), 100.5)
        axes.grid()
        axes.set_title(drawable(_("What can be answered")))
    return figure


def score_intervals(reports: Mapping[str, Report], *, metric: str) -> Figure:
    """A metric of several models side by side, with its intervals. reports: name as it is shown -> report."""
    with style():
        figure, axes = label_list(list(reports), width=4.8, row=0.42)
        for position, report in enumerate(reports.values()):
            colour = (BLUE, ORANGE, GREEN, QUIET)[position % 4]
            score, ends = report.metrics[metric], report.intervals[metric]
            axes.plot(ends, [position, position], color=colour, linewidth=2.5, solid_capstyle="round", alpha=0.5)
            axes.plot([score], [position], "o", color=colour, markersize=8)
            axes.annotate(
                f"{score:.3f}",
                (score, position),
                (0, 8),
                textcoords="offset points",
                ha="center",
                fontsize=10,
                color=INK,
            )
        axes.margins(x=0.12)
        axes.set_ylim(len(reports) - 0.5, -0.8)
        titles = [report.title(metric) for report in reports.values()]
        axes.set_xlabel(_("{metric}, with its 95% interval", metric=titles[0]))
        axes.set_title(drawable(_("Score")))
    return figure


PLOTS: dict[str, Callable[..., Figure]] = {
    "bars": f1_bars,
    "confusion": plot_confusion_matrix,
    "reliability": reliability,
    "coverage": coverage,
    "intervals": score_intervals,
    "lengths": length_histogram,
    "labels": label_bars,
    "curve": training_curve,
}
"""The plots of a page; a report may ask for them too (`munjang.metrics.report.ReportPlot`)."""


def series(log_rows: Sequence[Mapping[str, float]], key: str) -> tuple[np.ndarray, np.ndarray]:
    """The steps at which the log has a value, and the values."""
    rows = [row for row in log_rows if key in row]
    return np.array([row["step"] for row in rows]), np.array([row[key] for row in rows], dtype=float)
