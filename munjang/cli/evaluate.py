"""`munjang evaluate`: the scores of a model on a corpus or a file, and a comparison with another model."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from munjang.cli.options import (
    DataDir,
    Delimiter,
    EncodingOption,
    HeaderRow,
    LabelColumn,
    LabelsOption,
    MinPrecisionOption,
    MultiLabelOption,
    Precision,
    Sheet,
    TextColumn,
    is_file,
    open_corpus,
    read_options,
    writable,
    writable_png,
)
from munjang.config.settings import ReadOptions
from munjang.errors import ConfigError, DataError
from munjang.records import SPLITS, Corpus, LabelSet, Parse, Prediction, count_labels, for_record, quote_name
from munjang.text.names import join_names, parse_map, parse_targets, shell_word, split_names, write_map
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.inference.predictor import Predictor
    from munjang.metrics.label_report import LabelReport
    from munjang.metrics.report import Report

log = logging.getLogger("munjang")

HELP = _(
    "Score a model on labelled texts. The report has accuracy, F1, a table by label, intervals, calibration and the "
    "most confident errors."
)


def evaluate_verb(
    model: Annotated[str, typer.Argument(help=_("A model folder."))],
    source: Annotated[str, typer.Argument(help=_("A corpus of the table, or a file with labels."))],
    data_dir: DataDir = None,
    split: Annotated[
        str | None,
        typer.Option("--split", help=_("train, validation or test; if omitted, test (for a file, all rows).")),
    ] = None,
    text: TextColumn = None,
    label: LabelColumn = None,
    labels: LabelsOption = None,
    map_values: Annotated[
        str | None,
        typer.Option("--map", help=_("Map the data's labels to the model's, such as 'positive=긍정;negative=부정'.")),
    ] = None,
    multi_label: MultiLabelOption = None,
    precision: Precision = "fp32",
    encoding: EncodingOption = None,
    sheet: Sheet = None,
    header_row: HeaderRow = None,
    delimiter: Delimiter = None,
    against: Annotated[
        str | None, typer.Option("--against", help=_("Another model folder, or the --json FILE of another evaluation."))
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", help=_("Column of the file: score the texts of each of its values, too."))
    ] = None,
    top_errors: Annotated[
        int, typer.Option("--top-errors", "--worst", min=0, help=_("How many of the most confident errors to print."))
    ] = 10,
    without_spaces: Annotated[
        bool,
        typer.Option("--spaceless/--no-spaceless", help=_("Score a second time without spaces; takes twice as long.")),
    ] = True,
    min_precision: MinPrecisionOption = None,
    calibrate: Annotated[
        bool,
        typer.Option("--calibrate", help=_("Fit temperature and thresholds to these texts, and keep them in MODEL.")),
    ] = False,
    robustness: Annotated[
        bool,
        typer.Option(
            "--robustness",
            help=_("Score with typing slips, moved spaces and other noise; takes six times as long."),
        ),
    ] = False,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE.png", help=_("Draw the confusion matrix."))
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help=_("Write the whole report as JSON."))
    ] = None,
) -> None:
    """Print the report of one model; write, draw and compare it if requested."""
    from munjang.evaluation.comparison import compare
    from munjang.inference.predictor import load
    from munjang.metrics.tables import print_report

    writable_png(plot)
    writable(json_file)
    targets = None if min_precision is None else parse_targets(min_precision)
    predictor = load(model, precision=precision)
    if targets is not None and not calibrate:
        predictor = predictor.with_doubt(min_precision=targets)
    if plot and (predictor.decoder.several or not issubclass(predictor.decoder.record, Prediction)):
        raise ConfigError(_("A {task} model has no confusion matrix; leave out --plot.", task=predictor.task))
    options = read_options(text, label, labels, map_values, multi_label, encoding, sheet, header_row, delimiter)
    corpus, split = open_split(source, split, options, data_dir, predictor, by)
    label_map = None if is_file(source) else parse_labels(map_values, corpus.labels)
    saved = open_report(Path(against)) if against and against.endswith(".json") else None  # before the long work
    if calibrate:
        predictor = calibrated_with(predictor, corpus, split, label_map)
        predictor = predictor if targets is None else predictor.with_doubt(min_precision=targets)
    chosen = {"by": by, "without_spaces": without_spaces, "robustness": robustness}
    report = score_split(predictor, corpus, split, label_map, **chosen)
    typer.echo(print_report(report, top_errors=top_errors))
    if json_file:
        from munjang.files import write_json

        write_json(json_file, report.to_dict())
        typer.echo(_("Report written to {json_file}.", json_file=json_file), err=True)
    if plot:
        draw_confusions(report, plot)
        typer.echo(_("Confusion matrix written to {plot}.", plot=plot), err=True)
    if against:
        other = saved or score_split(load(against), corpus, split, label_map, without_spaces=False)
        typer.echo(f"\n{compare(report, other)}")


def open_split(
    source: str, split: str | None, options: ReadOptions, data_dir: str | None, model: Predictor, by: str | None = None
) -> tuple[Corpus, str]:
    """The corpus and the split to score; a file without a split column is one test split. by: a column to keep."""
    from munjang.data.splits import validation_as_test

    if split is not None and split not in SPLITS:
        raise ConfigError(_("--split is '{split}'; it must be one of {splits}.", split=split, splits=", ".join(SPLITS)))
    if not is_file(source):
        corpus = open_corpus(source, replace(options, map=None), data_dir, by=by)  # here --map matches labels
        return (corpus, split) if split else (validation_as_test(corpus), "test")
    read = for_record({Prediction: open_labelled, Parse: open_treebank}, model.decoder.record)
    corpus = read(source, options, model, by)
    if split is None and not corpus.test and not corpus.validation:
        if corpus.name == model.manifest.corpus:
            log.warning("%s was trained on %s: these are not scores on unseen texts.", model.name, source)
        corpus = corpus.with_splits(train=(), test=corpus.train)
    return corpus, split or "test"


def open_treebank(source: str, options: ReadOptions, model: Predictor, by: str | None) -> Corpus:
    """The user's file of trees as a corpus."""
    return open_corpus(source, options, None, by=by)


def open_labelled(source: str, options: ReadOptions, model: Predictor, by: str | None) -> Corpus:
    """The user's file of labelled texts as a corpus.

    Without --labels or --map, every label in it must be a label of the model, by name or alias (DataError).
    """
    if model.decoder.several and options.multi_label is None and len(split_names(options.label or "")) < 2:
        raise ConfigError(
            _(
                "{model} gives several labels to a text. Name the separator between them in a cell of {source}, "
                "such as --multi-label '|' (any character will do if the cells are lists), or the columns of the "
                "labels with --label.",
                model=model.name,
                source=source,
            )
        )
    if options.map:
        options = replace(options, map=keep_known(options.map, model.labels))
    if options.labels or options.map:
        return open_corpus(source, options, None, by=by)
    known = (*model.labels.names, *model.labels.aliases)
    numbers = [number for number in map(str, range(len(known))) if number not in known]
    # numbers are kept as they are here; only --map says which label they mean
    corpus = open_corpus(source, replace(options, labels=(*known, *numbers)), None, by=by)
    label_counts = count_labels(example for split in SPLITS for example in getattr(corpus, split))
    unknown = [name for name in label_counts if name not in known]
    if unknown and len(unknown) < len(label_counts):
        raise DataError(
            _(
                "{source}: the model does not know the labels {unknown}; it has {labels}. Give --labels "
                "{known} to leave those rows out, or --map '{first}=…'.",
                source=source,
                unknown=", ".join(f"'{name}' ({label_counts[name]:,})" for name in unknown[:10]),
                labels=model.labels.listing,
                known=shell_word(join_names(sorted(label_counts.keys() - set(unknown)))),
                first=quote_name(unknown[0]),
            )
        )
    return replace(corpus, labels=LabelSet(tuple(label_counts)))


def keep_known(text: str, labels: LabelSet) -> str:
    """--map with the labels of the model added, so that rows with such a label keep it."""
    mapped = parse_map(text)
    kept = [name for name in labels.names if mapped.label(name) is None]
    return ";".join([text.rstrip("; "), *([write_map(([name], name) for name in kept)] if kept else [])])


def parse_labels(text: str | None, labels: LabelSet) -> dict[str, str] | None:
    """--map for a corpus of the table: label of the corpus -> label of the model. labels: those of the corpus."""
    return None if text is None else parse_map(text).pairs((*labels.names, *labels.aliases))


def calibrated_with(model: Predictor, corpus: Corpus, split: str, label_map: dict[str, str] | None) -> Predictor:
    """The model calibrated with a split, and what it can promise now."""
    from munjang.evaluation.calibrate import calibrate
    from munjang.inference.confidence import promises

    model = calibrate(model, corpus, split=split, label_map=label_map, progress=sys.stderr.isatty())
    typer.echo("\n".join(promises(model.held_out, model.labels.names)))
    typer.echo(_("The scores below are on the same texts, so they say nothing about these thresholds on new ones.\n"))
    return model


def score_split(
    model: Predictor, corpus: Corpus, split: str, label_map: dict[str, str] | None, **options: Any
) -> Report:
    """The report of one model, with a progress bar on a terminal. options: of `munjang.evaluate`."""
    from munjang.evaluation.evaluate import evaluate as score_model

    return score_model(model, corpus, split=split, label_map=label_map, progress=sys.stderr.isatty(), **options)


def open_report(path: Path) -> Report:
    """A report that `munjang evaluate --json` wrote. DataError: it is none; the message names the file."""
    from munjang.models.folder import read_json_object
    from munjang.models.saved_reports import read_report

    try:
        return read_report(read_json_object(path))
    except DataError as error:
        raise DataError(_("{path}: {reason}", path=path, reason=error)) from error


def draw_confusions(report: LabelReport, path: Path) -> None:
    """Draw the confusion matrix as PNG."""
    from munjang.reports.figures import save_png
    from munjang.reports.plots import plot_confusion_matrix

    title = _("{model} on {corpus}", model=report.model, corpus=report.corpus)
    save_png(plot_confusion_matrix(report.confusion.tolist(), report.labels, title=title), path)
