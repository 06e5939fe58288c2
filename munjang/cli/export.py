"""`munjang export`: a model as one that answers without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from munjang.cli.options import (
    DataDir,
    EncodingOption,
    HeaderRow,
    LabelColumn,
    LabelsOption,
    MapValues,
    MultiLabelOption,
    Sheet,
    TextColumn,
    is_file,
    read_options,
)
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.evaluation.report import Report
    from munjang.inference.predictor import Predictor


def export_verb(
    model: Annotated[str, typer.Argument(help=_("Folder of a trained model."))],
    form: Annotated[
        str, typer.Argument(metavar="FORMAT", help=_("onnx: the same answers; onnx-int8: smaller and faster."))
    ],
    out: Annotated[str, typer.Argument(help=_("Folder to write."))],
    check: Annotated[
        str | None,
        typer.Option("--check", metavar="CORPUS|FILE", help=_("Labelled texts: print the scores before and after.")),
    ] = None,
    data_dir: DataDir = None,
    text: TextColumn = None,
    label: LabelColumn = None,
    labels: LabelsOption = None,
    map_values: MapValues = None,
    multi_label: MultiLabelOption = None,
    encoding: EncodingOption = None,
    sheet: Sheet = None,
    header_row: HeaderRow = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help=_("Replace a model in OUT."))] = False,
) -> None:
    """Write a model for ONNX Runtime, which needs neither torch nor transformers.

    The exported model is tried on sentences before it is written; one that answers otherwise is refused. `munjang
    predict OUT` and all the other verbs take the folder as they take any model.
    """
    from munjang.cli.evaluate import open_split, parse_labels, score_split
    from munjang.export.run import export_model as write
    from munjang.inference.predictor import load

    source = load(model)
    options = read_options(text, label, labels, map_values, multi_label, encoding, sheet, header_row)
    data = open_split(check, None, options, data_dir, source) if check else None
    label_map = None if check is None or is_file(check) else parse_labels(map_values)
    before = score_split(source, *data, label_map, without_spaces=False) if data else None
    exported = write(source, form, out, overwrite=overwrite)
    typer.echo(
        _(
            "{out}: {form}, {size:,.1f} MB, was {size2:,.1f} MB.",
            out=out,
            form=form,
            size=size(exported) / 1000000.0,
            size2=size(source) / 1000000.0,
        ),
        err=True,
    )
    if before and data:
        typer.echo(compared(before, score_split(exported, *data, label_map, without_spaces=False)))


def size(model: Predictor) -> int:
    """The bytes of a model's files; of a plain transformers folder those of its weights."""
    if model.manifest.files:
        return sum(facts["bytes"] for facts in model.manifest.files.values())
    return sum(path.stat().st_size for path in model.folder.glob("*.safetensors")) if model.folder else 0


def compared(before: Report, after: Report) -> str:
    """The scores of both models, side by side."""
    from munjang.evaluation.tables import title
    from munjang.evaluation.trees import TITLES
    from munjang.tables import format_table

    first, second = before.metrics, after.metrics
    rows = [
        [
            TITLES.get(name) or title(name),
            f"{first[name]:.4f}",
            f"{second[name]:.4f}",
            f"{second[name] - first[name]:+.4f}",
        ]
        for name in first
        if name in second
    ]
    return format_table([_("metric"), _("before"), _("after"), _("difference")], rows)
