"""`munjang export`: a copy of a model that needs no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from munjang.cli.options import (
    DataDir,
    Delimiter,
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
    from munjang.inference.predictor import Predictor
    from munjang.metrics.report import Report


HELP = _(
    "Export a model to ONNX Runtime. The exported model needs neither torch nor transformers.\n\n"
    "Before the exported model is written, its predictions on sample sentences are compared with the original's; if "
    "they differ too much, nothing is written. `munjang predict OUT` and all other verbs take the folder like any "
    "model."
)


def export_verb(
    model: Annotated[str, typer.Argument(help=_("Folder of a trained model."))],
    form: Annotated[
        str, typer.Argument(metavar="FORMAT", help=_("onnx: the same predictions; onnx-int8: smaller and faster."))
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
    delimiter: Delimiter = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help=_("Replace a model in OUT."))] = False,
) -> None:
    """Export the model; with --check, print its scores before and after."""
    from munjang.cli.evaluate import open_split, parse_labels, score_split
    from munjang.export.run import export_model as write
    from munjang.inference.predictor import load

    source = load(model)
    options = read_options(text, label, labels, map_values, multi_label, encoding, sheet, header_row, delimiter)
    data = open_split(check, None, options, data_dir, source) if check else None
    label_map = parse_labels(map_values, data[0].labels) if data and not is_file(check or "") else None
    before = score_split(source, *data, label_map, without_spaces=False) if data else None
    exported = write(source, form, out, overwrite=overwrite)
    typer.echo(
        _(
            "{out}: {form}, {megabytes:,.1f} MB; the original has {original_megabytes:,.1f} MB.",
            out=out,
            form=form,
            megabytes=model_bytes(exported) / 1e6,
            original_megabytes=model_bytes(source) / 1e6,
        ),
        err=True,
    )
    if before and data:
        typer.echo(compared(before, score_split(exported, *data, label_map, without_spaces=False)))


def model_bytes(model: Predictor) -> int:
    """The bytes of a model's files; for a plain transformers folder, the bytes of its weights."""
    if model.manifest.files:
        return sum(facts["bytes"] for facts in model.manifest.files.values())
    return sum(path.stat().st_size for path in model.folder.glob("*.safetensors")) if model.folder else 0


def compared(before: Report, after: Report) -> str:
    """The scores of both models, side by side."""
    from munjang.tables import format_table

    first, second = before.metrics, after.metrics
    rows = [
        [before.title(name), f"{first[name]:.4f}", f"{second[name]:.4f}", f"{second[name] - first[name]:+.4f}"]
        for name in first
        if name in second
    ]
    return format_table([_("metric"), _("before"), _("after"), _("difference")], rows)
