"""`munjang export`: a model as one that answers without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from munjang.cli.options import (
    DataDir,
    Encoding,
    HeaderRow,
    LabelColumn,
    Labels,
    MapValues,
    MultiLabel,
    Sheet,
    TextColumn,
    is_file,
    read_options,
)

if TYPE_CHECKING:
    from munjang.prediction import Predictor
    from munjang.records import Corpus


def export(
    model: Annotated[str, typer.Argument(help="Folder of a trained model.")],
    form: Annotated[
        str, typer.Argument(metavar="FORMAT", help="onnx: the same answers; onnx-int8: smaller and faster.")
    ],
    out: Annotated[str, typer.Argument(help="Folder to write.")],
    check: Annotated[
        str | None,
        typer.Option("--check", metavar="CORPUS|FILE", help="Labelled texts: print the scores before and after."),
    ] = None,
    data_dir: DataDir = None,
    text: TextColumn = None,
    label: LabelColumn = None,
    labels: Labels = None,
    map_values: MapValues = None,
    multi_label: MultiLabel = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
    header_row: HeaderRow = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a model in OUT.")] = False,
) -> None:
    """Write a model for ONNX Runtime, which needs neither torch nor transformers.

    The exported model is tried on sentences before it is written; one that answers otherwise is refused. `munjang
    predict OUT` and all the other verbs take the folder as they take any model.
    """
    from munjang.cli.evaluate import open_split, parse_labels
    from munjang.exporting.run import export as write
    from munjang.prediction import load

    source = load(model)
    options = read_options(text, label, labels, map_values, multi_label, encoding, sheet, header_row)
    data = open_split(check, None, options, data_dir, source) if check else None
    exported = write(source, form, out, overwrite=overwrite)
    typer.echo(f"{out}: {form}, {size(exported) / 1e6:,.1f} MB, was {size(source) / 1e6:,.1f} MB.", err=True)
    if data:
        typer.echo(compared(source, exported, *data, None if is_file(check) else parse_labels(map_values)))


def size(model: Predictor) -> int:
    """The bytes of a model's files; of a plain transformers folder those of its weights."""
    if model.manifest.files:
        return sum(facts["bytes"] for facts in model.manifest.files.values())
    return sum(path.stat().st_size for path in model.folder.glob("*.safetensors")) if model.folder else 0


def compared(
    source: Predictor, exported: Predictor, corpus: Corpus, split: str, label_map: dict[str, str] | None
) -> str:
    """The scores of both models on a split, side by side."""
    from munjang.cli.evaluate import score
    from munjang.score_tables import title
    from munjang.tables import format_table

    reports = [score(each, corpus, split, label_map, without_spaces=False) for each in (source, exported)]
    before, after = (report.metrics for report in reports)
    rows = [[title(name), f"{before[name]:.4f}", f"{after[name]:.4f}", f"{after[name] - before[name]:+.4f}"]
            for name in before if name in after]  # fmt: skip
    return format_table(["metric", "before", "after", "difference"], rows)
