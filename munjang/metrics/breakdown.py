"""Where a score falls: on slices of the texts, each against the rest, and on the same texts with noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from munjang.metrics.report import Note, ReportPart, ReportTable, score_text
from munjang.metrics.significance import LEVEL, Interval, p_text
from munjang.metrics.tables import bracketed, signed_interval, title
from munjang.text.noise import NOISES
from munjang.translation import _, ngettext


@dataclass(frozen=True)
class Slice:
    """The texts that have one value in common.

    value: in the column; "" where it is missing; of a length its bounds in characters, such as "1-17". difference: the
    score minus that of all other texts; None where there are no others. p: the probability that chance alone makes a
    slice as bad as this one, from a test on the score that is shown, corrected for the number of slices.
    """

    value: str
    n: int
    score: float
    interval: Interval
    difference: float | None
    p: float | None


@dataclass(frozen=True)
class Slicing:
    """The texts of a report, cut into slices by one property.

    by: the column; None: the length. tested: slices of the whole report, for which each p is corrected. further,
    further_texts: smaller values that are not among the slices, and the texts that have them.
    """

    by: str | None
    metric: str
    slices: tuple[Slice, ...]
    tested: int
    further: int = 0
    further_texts: int = 0

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Slicing:
        """The slicing from JSON values."""
        slices = tuple(Slice(**{**item, "interval": tuple(item["interval"])}) for item in data["slices"])
        return cls(**{**data, "slices": slices})

    @property
    def worst(self) -> Slice | None:
        """The slice furthest below the rest, of those that are so beyond chance; None if there is none."""
        beyond_chance = [item for item in self.slices if item.p is not None and item.p < 1 - LEVEL]
        return min(beyond_chance, key=lambda item: item.difference or 0.0, default=None)

    @property
    def verdict(self) -> str:
        """Whether a slice is worse than the rest beyond chance, and which one is the worst."""
        worst = self.worst
        if worst is None:
            return _("No slice is below the rest beyond chance.")
        return _(
            "{slice}: {points:.1f} points of {metric} below the rest, beyond chance (p {p} after correction for "
            "{count:,} slices).",
            slice=self.shown(worst),
            points=-100 * (worst.difference or 0.0),
            metric=title(self.metric),
            p=p_text(worst.p or 0.0),
            count=self.tested,
        )

    def shown(self, item: Slice) -> str:
        """The value of a slice as people read it."""
        if self.by is not None:
            return item.value or _("(empty)")
        low, __, high = item.value.partition("-")
        return item.value if high else _("{low} and more", low=low)

    def parts(self) -> list[ReportPart]:
        """The table of the slices, and what it shows."""
        name = _("characters") if self.by is None else self.by
        header = [name, _("texts"), title(self.metric), _("95% interval"), _("difference to the rest")]
        rows = [
            [
                self.shown(item),
                item.n,
                score_text(item.score),
                bracketed(item.interval),
                None if item.difference is None else f"{item.difference:+.4f}",
            ]
            for item in self.slices
        ]
        parts: list[ReportPart] = [ReportTable(header, rows), self.verdict]
        if self.further:
            more = ngettext(
                "{count:,} smaller value of {by} is not shown ({texts:,} texts).",
                "{count:,} smaller values of {by} are not shown ({texts:,} texts).",
                self.further,
                by=self.by,
                texts=self.further_texts,
            )
            parts.insert(1, more)
        return parts


def slice_parts(slicings: tuple[Slicing, ...]) -> list[ReportPart]:
    """All slicings of a report, and how to read them."""
    reading = _(
        "Each row is scored by itself and compared with all other texts. Small slices differ by chance: only a "
        "difference that a test calls beyond chance is worth a look."
    )
    return [Note(reading), *(part for slicing in slicings for part in slicing.parts())]


@dataclass(frozen=True)
class NoiseScore:
    """The main score on the same texts with noise.

    noise: a key of `munjang.text.noise.NOISES`. changed: texts that differ from the clean ones. difference: the score
    minus the clean one; interval: of the difference, 95%, with both on the same resampled texts.
    """

    noise: str
    changed: int
    score: float
    difference: float
    interval: Interval

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> NoiseScore:
        """The score from JSON values. ValueError: no such noise."""
        if data["noise"] not in NOISES:
            raise ValueError(_("unknown noise '{noise}'", noise=data["noise"]))
        return cls(**{**data, "interval": tuple(data["interval"])})


def noise_table(metric: str, scores: tuple[NoiseScore, ...]) -> ReportTable:
    """The score with each kind of noise, and how far it falls."""
    header = [_("noise"), _("texts changed"), title(metric), _("difference"), _("95% interval")]
    rows = [
        [
            _(NOISES[item.noise].title),
            item.changed,
            score_text(item.score),
            f"{item.difference:+.4f}",
            signed_interval(item.interval),
        ]
        for item in scores
    ]
    return ReportTable(header, rows)
