"""The card of an exported model: the source's card, with the changes of the export."""

from __future__ import annotations

import re

from munjang.export.sample import AnswerDifference
from munjang.inference.predictor import Predictor
from munjang.models.folder import Manifest
from munjang.reports.templates import render
from munjang.translation import _

PLAIN = re.compile(r"^Plain transformers opens the (?:same folder|encoder)\b.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def exported_card(source: Predictor, manifest: Manifest, difference: AnswerDifference) -> str:
    """The source's README.md without its section on plain transformers, and a section on the export."""
    path = source.folder / "README.md" if source.folder else None
    text = path.read_text(encoding="utf-8") if path and path.exists() else f"# {source.name}\n"
    text = text.replace('library_name: "transformers"', 'library_name: "munjang"')
    installation = _("Prediction needs neither torch nor transformers: `pip install munjang`.")
    return render(
        "exported.md",
        card=PLAIN.sub(lambda match: f"{installation}\n\n", text).rstrip(),
        activations=None if manifest.details["precision"] == "fp32" else manifest.details["activations"],
        difference=difference,
    )
