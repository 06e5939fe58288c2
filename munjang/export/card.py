"""The card of an exported model: the source's card, with the changes of the export."""

from __future__ import annotations

import re

from munjang.export.sample import AnswerDifference
from munjang.inference.predictor import Predictor
from munjang.models.folder import Manifest
from munjang.tables import markdown_table
from munjang.translation import _

PLAIN = re.compile(r"^Plain transformers opens the (?:same folder|encoder)\b.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def exported_card(source: Predictor, manifest: Manifest, difference: AnswerDifference) -> str:
    """The source's README.md without its section on plain transformers, and a section on the export."""
    path = source.folder / "README.md" if source.folder else None
    text = path.read_text(encoding="utf-8") if path and path.exists() else f"# {source.name}\n"
    text = text.replace('library_name: "transformers"', 'library_name: "munjang"')
    installation = _("Prediction needs neither torch nor transformers: `pip install munjang`.")
    text = PLAIN.sub(lambda match: f"{installation}\n\n", text)
    if manifest.details["precision"] == "fp32":
        written = _(
            "This is `model.onnx` for ONNX Runtime, written by `munjang export`. It computes in 32-bit floating point."
        )
    else:
        written = _(
            "This is `model.onnx` for ONNX Runtime, written by `munjang export`. It computes in 8 bits "
            "({activations}), embeddings included.",
            activations=_(manifest.details["activations"]),
        )
    compared = _("Compared with the model that it was exported from: {difference}.", difference=difference)
    scores = _("The scores above are those of the model that it was exported from.")
    heading = _("Exported")
    return f"{text.rstrip()}\n\n## {heading}\n\n{written} {compared} {scores}\n{heads_table(difference)}"


def heads_table(difference: AnswerDifference) -> str:
    """How often each head of a model with several heads predicts the same label as before; else nothing."""
    if not difference.heads:
        return ""
    table = markdown_table(
        [_("head"), _("labels that agree")], [[name, f"{share:.1%}"] for name, share in difference.heads.items()]
    )
    caption = _("By head, each with its temperature applied:")
    return f"\n{caption}\n\n{table}\n"
