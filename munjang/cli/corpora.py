"""`munjang corpora`: the table of corpora, the card of a corpus, a benchmark suite, datasets of the hub."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from munjang.cli import options
from munjang.cli.options import DataDir, writable_png
from munjang.errors import ConfigError
from munjang.records import SPLITS, Corpus, Tree
from munjang.tables import format_table
from munjang.translation import _, ngettext

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from munjang.config.settings import ReadOptions
    from munjang.data.corpora.schema import CorpusRow
    from munjang.data.statistics.corpus import CorpusStats

HELP = _("List known corpora, or print the card of one, or of your own file.")


def corpora_verb(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME|FILE]", help=_("A corpus of the table, or your own file: its card."))
    ] = None,
    data_dir: DataDir = None,
    language: Annotated[
        str | None, typer.Option("--language", help=_("Only corpora in this language, such as ko."))
    ] = None,
    task: Annotated[
        str | None, typer.Option("--task", help=_("Only this task: sentiment, topic, …, classification, multi-label."))
    ] = None,
    suite: Annotated[str | None, typer.Option("--suite", help=_("Introduce a benchmark suite: klue."))] = None,
    hub: Annotated[
        str | None,
        typer.Option("--hub", metavar="LANGUAGE", help=_("List the hub's datasets in a language, such as ko.")),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help=_("With --hub: how many, by downloads."))] = 100,
    split: Annotated[
        str | None, typer.Option("--split", help=_("On the card, only this split: train, validation or test."))
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE.png", help=_("Draw lengths and labels of the corpus."))
    ] = None,
    tokenizer: Annotated[
        str | None, typer.Option("--tokenizer", help=_("Count tokens too: a hub id, a folder or a model folder."))
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=_("Print JSON instead of tables."))] = False,
    text: options.TextColumn = None,
    label: options.LabelColumn = None,
    labels: options.LabelsOption = None,
    map_values: options.MapValues = None,
    multi_label: options.MultiLabelOption = None,
    encoding: options.EncodingOption = None,
    sheet: options.Sheet = None,
    header_row: options.HeaderRow = None,
    delimiter: options.Delimiter = None,
) -> None:
    """Print the card of a corpus or a file, a suite, the datasets of the hub, or the table."""
    read = options.read_options(text, label, labels, map_values, multi_label, encoding, sheet, header_row, delimiter)
    if name:
        print_card(name, data_dir, read, split=split, plot=plot, tokenizer=tokenizer, as_json=as_json)
        return
    card_flags = {"split": split, "plot": plot, "tokenizer": tokenizer, **asdict(read)}
    if given := [key for key, value in card_flags.items() if value is not None]:
        flag = "--" + given[0].replace("_", "-")
        raise typer.BadParameter(_("{flag} needs a corpus, such as munjang corpora nsmc {flag} …", flag=flag))
    if suite:
        print_suite(suite, as_json)
    elif hub:
        print_hub(hub, limit, as_json)
    else:
        print_table(language, task, as_json)


def print_table(language: str | None, task: str | None, as_json: bool) -> None:
    """Print the table of known corpora."""
    from munjang.data.corpora.table import CORPORA
    from munjang.errors import unknown_name

    rows = list(CORPORA.values())
    tasks = {name for row in rows for name in (row.about, row.task)}
    if task and task not in tasks:
        raise unknown_name(_("task"), task, tasks)
    rows = [row for row in rows if speaks(row, language) and (not task or task in (row.about, row.task))]
    if as_json:
        typer.echo(json_value([summary(row) for row in rows]))
        return
    if not rows:
        typer.echo(
            _("munjang's table has no corpus in '{language}'. Try: munjang corpora --hub {language}", language=language)
        )
        return
    listed = [summary(row) for row in rows]
    cells = [
        [item["name"], source_kind_name(item), item["rows"], label_cell(item), _(item["licence"])] for item in listed
    ]
    typer.echo(format_table([_("corpus"), _("task"), _("rows"), _("labels"), _("licence")], cells))
    typer.echo()
    typer.echo(_("munjang corpora NAME prints the card of a corpus; munjang train NAME trains on it."))


def speaks(row: CorpusRow, language: str | None) -> bool:
    """Whether a corpus is in a language; a corpus in many languages has their codes as labels."""
    return not language or row.language == language or (row.language == "mul" and language in row.labels.names)


def summary(row: CorpusRow) -> dict[str, Any]:
    """A corpus as plain values, for the table and for JSON."""
    from munjang.data.corpora.loading import row_counts

    splits = row_counts(row)
    return {
        "name": row.name,
        "title": row.title,
        "about": row.about,
        "task": row.task,
        "language": row.language,
        "rows": sum(splits.values()),
        "splits": splits,
        "labels": list(row.labels.names),
        "licence": row.licence,
        "homepage": row.homepage,
        "hub": [f"{dataset.repo}@{dataset.revision}" for dataset in row.hub],
        "citation": row.citation,
    }


def source_kind_name(item: dict[str, Any]) -> str:
    """The cell of the column task: the subject, and the task if it is not classification."""
    from munjang.data.corpora.schema import CorpusRow

    return item["about"] if item["task"] == CorpusRow.task else f"{item['about']}, {item['task']}"


def label_cell(item: dict[str, Any]) -> str:
    """The cell of the column labels: their number and the first names."""
    from munjang.tables import shorten_text

    names = item["labels"]
    return shorten_text(f"{len(names)}: {', '.join(names)}", 44)


def print_suite(name: str, as_json: bool) -> None:
    """Print the tasks of a suite: question, size and metric of each, and which munjang trains."""
    from munjang.data.corpora.suites import SUITES
    from munjang.errors import unknown_name

    if name.lower() not in SUITES:
        raise unknown_name(_("suite"), name, SUITES)
    suite = SUITES[name.lower()]
    if as_json:
        typer.echo(json_value(asdict(suite)))
        return
    cells = [[task.name, task.train, task.validation, _(task.metric), _(task.asks)] for task in suite.tasks]
    trained = [f"{task.name} (munjang train {task.corpus})" for task in suite.tasks if task.corpus]
    untrained = [task.name for task in suite.tasks if not task.corpus]
    typer.echo(
        _(
            "{title}. Licence {licence}. {homepage}\n{citation}",
            title=_(suite.title),
            licence=suite.licence,
            homepage=suite.homepage,
            citation=suite.citation,
        )
    )
    typer.echo()
    typer.echo(
        format_table([_("task"), _("train"), _("validation"), _("metric"), _("what it asks")], cells, max_width=80)
    )
    typer.echo("\n" + _(suite.note))
    typer.echo(
        _("munjang trains: {trained}. Not: {untrained}.", trained=", ".join(trained), untrained=", ".join(untrained))
    )


def print_hub(language: str, limit: int, as_json: bool) -> None:
    """Print the datasets of the hub in a language, the most downloaded first."""
    from munjang.data.corpora.hub import list_datasets
    from munjang.data.corpora.table import CORPORA

    datasets = list_datasets(language, limit)
    known = {dataset.repo: row.name for row in reversed(CORPORA.values()) for dataset in row.hub}
    if as_json:
        typer.echo(json_value([{**asdict(item), "munjang": known.get(item.name)} for item in datasets]))
        return
    cells = [
        [
            item.name,
            item.downloads,
            ", ".join(item.licences) or None,
            ", ".join(item.tasks) or None,
            known.get(item.name),
        ]
        for item in datasets
    ]
    typer.echo(format_table([_("dataset"), _("downloads"), _("licence"), _("tasks"), _("in munjang as")], cells))
    typer.echo()
    if len(datasets) == limit:
        summary_line = ngettext(
            "{count:,} dataset in '{language}' on the hub (more with --limit {limit}).",
            "{count:,} datasets in '{language}' on the hub (more with --limit {limit}).",
            len(datasets),
            language=language,
            limit=10 * limit,
        )
    else:
        summary_line = ngettext(
            "{count:,} dataset in '{language}' on the hub.",
            "{count:,} datasets in '{language}' on the hub.",
            len(datasets),
            language=language,
        )
    typer.echo(summary_line)


def print_card(
    name: str,
    data_dir: str | None,
    read: ReadOptions,
    *,
    split: str | None,
    plot: Path | None,
    tokenizer: str | None,
    as_json: bool,
) -> None:
    """Print where a corpus or a file comes from and what it holds; its tokens and plots if requested."""
    from munjang.data.corpora.table import CORPORA, DEFAULT_CONFIGURATIONS, corpus_row
    from munjang.data.statistics.corpus import describe
    from munjang.data.statistics.file import look_at_file

    writable_png(plot)
    is_own = options.is_file(name) and name not in {*CORPORA, *DEFAULT_CONFIGURATIONS}
    row = None if is_own else corpus_row(name)
    counter = raw_tokenizer(tokenizer) if tokenizer else None
    look = look_at_file(name, read) if is_own else None
    if plot and (row or look.corpus).label_type is Tree:  # a row tells it before anything is read
        raise ConfigError(_("--plot draws labelled texts; {name} has trees. Their numbers are on its card.", name=name))
    corpus = look.corpus if look else options.known_corpus(name, asdict(read), data_dir)
    corpus = only(corpus, split) if split else corpus
    stats = describe(corpus)
    tokens = None
    if counter is not None:
        from munjang.data.statistics.tokens import token_stats

        tokens = token_stats(corpus, counter)
    if as_json:
        origin = {"corpus": summary(row)} if row else {"file": look.to_dict() if look else {}}
        typer.echo(json_value({**origin, "stats": stats.to_dict(), **({"tokens": tokens.to_dict()} if tokens else {})}))
    else:
        if row:
            typer.echo(provenance(row))
        typer.echo(str(stats))
        if tokens:
            typer.echo()
            typer.echo(_("Tokens of {tokenizer}, special tokens included", tokenizer=tokenizer))
            typer.echo(str(tokens))
        if look:
            typer.echo(f"\n{look}")
    if plot:
        draw_corpus(corpus, stats, plot)
        typer.echo(_("Plots written to {plot}.", plot=plot), err=True)


def provenance(row: CorpusRow) -> str:
    """Title, citation, addresses, and the labels with their names in the source."""
    lines = [_(row.title), _(row.citation)]
    lines += [_("homepage: {homepage}", homepage=row.homepage)] if row.homepage else []
    lines += [_("hub: {repo} at {revision}", repo=dataset.repo, revision=dataset.revision) for dataset in row.hub]
    aliases_by_name = {
        name: [alias for alias, meant in row.labels.aliases.items() if meant == name] for name in row.labels.names
    }
    if len(row.labels) <= 9:
        labels = "; ".join(f"{name} ({', '.join(aliases)})" for name, aliases in aliases_by_name.items())
        lines.append(_("labels: {labels}", labels=labels))
    return "\n".join(line for line in lines if line) + "\n"


def only(corpus: Corpus, split: str) -> Corpus:
    """The corpus with only one split; DataError if it does not have that split."""
    examples = corpus.split(split)
    return replace(corpus, **{name: examples if name == split else () for name in SPLITS})


def raw_tokenizer(name: str) -> Tokenizer:
    """The tokenizer of a folder, a tokenizer.json or a hub id, unchanged and unrepaired."""
    from munjang.data.corpora.hub import is_reachable, no_download
    from munjang.errors import BundleError, DataError, FetchError, missing_extra
    from munjang.files import first_line
    from munjang.models.backbones import locate
    from munjang.models.tokenizer import open_tokenizer

    file = Path(name) / "tokenizer.json" if Path(name).is_dir() else Path(name)
    if file.is_file() and file.suffix == ".json":
        try:
            return open_tokenizer(file)
        except BundleError as error:
            raise DataError(_("{file} is not a tokenizer: {reason}", file=file, reason=error)) from error
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise missing_extra(_("a tokenizer without tokenizer.json"), "train") from error
    name, revision = locate(name)
    options = {"revision": revision, "local_files_only": Path(name).is_dir() or not is_reachable()}
    try:
        return AutoTokenizer.from_pretrained(name, **options, trust_remote_code=False).backend_tokenizer
    except (OSError, ValueError, AttributeError) as error:
        if options["local_files_only"] and not Path(name).is_dir() and "/" in name:
            raise FetchError(_("No tokenizer: {reason}", reason=no_download(name))) from error
        raise FetchError(
            _(
                "No tokenizer '{name}' ({reason}). Give a hub id, or a folder with tokenizer.json or vocab.txt.",
                name=name,
                reason=first_line(error),
            )
        ) from error


def draw_corpus(corpus: Corpus, stats: CorpusStats, path: Path) -> None:
    """Draw the length histogram and the label bars, one above the other, in one PNG."""
    from io import BytesIO

    from munjang.data.statistics.corpus import text_lengths
    from munjang.reports import plots
    from munjang.reports.figures import save_png

    lengths = {name: text_lengths(getattr(corpus, name)) for name in stats.splits}
    counts = {name: item.labels for name, item in stats.splits.items()}
    rows = {name: item.rows for name, item in stats.splits.items()}
    figures = [plots.length_histogram(lengths, title=_("{corpus}: length of the texts", corpus=corpus.name))]
    if any(counts.values()):
        figures.append(plots.label_bars(counts, rows, title=_("{corpus}: labels", corpus=corpus.name)))
    from PIL import Image  # matplotlib needs it too

    pictures = []
    for figure in figures:
        buffer = BytesIO()
        save_png(figure, buffer)
        pictures.append(Image.open(buffer).convert("RGB"))
    sheet = Image.new("RGB", (max(p.width for p in pictures), sum(p.height for p in pictures)), "white")
    top = 0
    for picture in pictures:
        sheet.paste(picture, (0, top))
        top += picture.height
    sheet.save(path, format="PNG")


def json_value(value: Any) -> str:
    """`value` as indented JSON."""
    return json.dumps(value, ensure_ascii=False, indent=2)
