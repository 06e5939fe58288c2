"""The card of a pre-trained model: what it is, the sources of its texts with their licences, settings, loss."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from munjang import __version__
from munjang.models.folder import read_json_object
from munjang.pretraining.blocks import read_facts
from munjang.reports.model_card import setting_rows
from munjang.reports.templates import render
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.models.backbones import LoadedBackbone
    from munjang.training.loops.job import Job


EARLIER = Path("run") / "texts-before.json"
"""In the folder of a decay on other texts: the statistics and the facts of the earlier texts."""


def pretraining_card(
    job: Job, backbone: LoadedBackbone, settings: Mapping[str, Any], rows: Sequence[Mapping[str, float]]
) -> str:
    """The README.md of a pre-trained model's folder, as Markdown with the hub's front matter.

    settings: from run/settings.json. rows: from the log.
    """
    texts = [read_json_object(job.folder / EARLIER)] if (job.folder / EARLIER).exists() else []
    values = dict(settings["config"])
    if "decay_from" in settings:
        values |= {_("decay from step"): settings["decay_from"], _("decay over steps"): settings["decay_steps"]}
    excluded = ", ".join(file["name"] for file in settings["data"]["exclude"]) or _("none")
    return render(
        "pretrained.md",
        version=__version__,
        job=job,
        network=job.model,
        backbone=backbone,
        texts=[*texts, texts_of(job.folder)],
        scored=next((row for row in reversed(rows) if "validation_loss" in row), None),
        settings=settings,
        rows=[*setting_rows(values), [_("texts of these files left out"), excluded]],
    )


def texts_of(folder: Path) -> dict[str, Any]:
    """What a run learns from: the statistics of each source ("accounts"), and the facts of its blocks."""
    accounts = json.loads((folder / "run" / "texts.json").read_text(encoding="utf-8"))
    return {"accounts": accounts, "facts": read_facts(folder / "texts")}
