"""The card of an exported model: the source's own, with what the export changed."""

from __future__ import annotations

import re

from munjang.export.sample import AnswerDifference
from munjang.inference.predictor import Predictor
from munjang.models.folder import Manifest
from munjang.tables import markdown_table
from munjang.translation import _

PLAIN = re.compile(r"^Plain transformers opens the (?:same folder|encoder)\b.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def exported_card(source: Predictor, manifest: Manifest, found: AnswerDifference) -> str:
    """The source's README.md, what it says of plain transformers replaced, and a section on the export."""
    path = source.folder / "README.md" if source.folder else None
    text = path.read_text(encoding="utf-8") if path and path.exists() else f"# {source.name}\n"
    text = text.replace('library_name: "transformers"', 'library_name: "munjang"')
    text = PLAIN.sub("Prediction needs neither torch nor transformers: `pip install munjang`.\n\n", text)
    how = (
        "in 32-bit floating point"
        if manifest.details["precision"] == "fp32"
        else (f"in 8 bits ({manifest.details['activations']}), embeddings included")
    )
    return (
        f"{text.rstrip()}\n\n## Exported\n\nThis is `model.onnx` for ONNX Runtime, written by `munjang export`; it "
        f"calculates {how}. Tried against the model that it was made of: {found}. The scores above are that model's.\n"
        f"{heads_table(found)}"
    )


def heads_table(found: AnswerDifference) -> str:
    """How often each of many heads gives the same label as before; nothing for a model that is one."""
    if not found.heads:
        return ""
    table = markdown_table(
        [_("head"), _("labels that agree")], [[name, f"{same:.1%}"] for name, same in found.heads.items()]
    )
    return f"\nBy head, each with its temperature applied:\n\n{table}\n"
