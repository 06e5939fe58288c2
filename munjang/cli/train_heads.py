"""`munjang train` with several corpora: one model with a head for each."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from munjang.cli import options
from munjang.config.settings import ReadOptions, TrainConfig
from munjang.errors import ConfigError
from munjang.records import Corpus
from munjang.tables import format_table
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.inference.analyzer import Analyzer


class Source(NamedTuple):
    """A corpus of the table, or a file. label: the column of its labels, where FILE:COLUMN names one."""

    name: str
    label: str | None = None


@dataclass(frozen=True)
class CorpusArguments:
    """The corpora as the command line names them.

    words: [NAME=]CORPUS|FILE[:COLUMN]. more: NAME=FILE[:COLUMN]. read: how every file is read.
    """

    words: Sequence[str]
    more: Sequence[str]
    read: ReadOptions
    data_dir: str | None

    def sources(self) -> dict[str, Source]:
        """Head -> corpus or file.

        ConfigError: two heads with the same name or the same labels, or a name that is not allowed.
        """
        from munjang.data.multi_corpus import check_head_name

        sources: dict[str, Source] = {}
        for word in self.words:
            given, source = split_head_name(word)
            head = check_head_name(given or source.label or default_head_name(source.name))
            if head in sources:
                raise ConfigError(
                    _(
                        "Two heads are called {head}. Give each its own name, such as second={source}.",
                        head=head,
                        source=source.name,
                    )
                )
            same = next((other for other, known in sources.items() if known == source), None)
            if same and options.is_file(source.name):
                raise ConfigError(
                    _(
                        "{first} and {second} would learn the same labels of {file}. Name the column of each: "
                        "{second}={file}:COLUMN.",
                        first=same,
                        second=head,
                        file=source.name,
                    )
                )
            sources[head] = source
        return sources

    def additions(self) -> dict[str, Source]:
        """Head -> file with more rows. ConfigError: no such head, or a head named twice."""
        additions: dict[str, Source] = {}
        heads = self.sources()
        for word in self.more:
            head, source = split_head_name(word)
            if head is None:
                raise ConfigError(
                    _("--more {word}: expected NAME=FILE, the head and a file with more rows for it.", word=word)
                )
            if head not in heads:
                raise ConfigError(
                    _(
                        "--more {word}: there is no head {head}; the heads are {heads}.",
                        word=word,
                        head=head,
                        heads=", ".join(heads),
                    )
                )
            if head in additions:
                raise ConfigError(_("--more gives {head} rows twice; put them into one file.", head=head))
            additions[head] = source
        return additions

    def open(self) -> tuple[dict[str, Corpus], dict[str, Corpus]]:
        """Head -> corpus, and head -> more rows; names are checked before anything is read."""
        sources, additions = self.sources(), self.additions()
        inputs = [*sources.values(), *additions.values()]
        flags = [name for name, value in asdict(self.read).items() if value is not None]
        if flags and not any(options.is_file(source.name) for source in inputs):
            flag = "--" + flags[0].replace("_", "-")
            raise ConfigError(_("{flag} is for files of your own; there is none among these.", flag=flag))
        for source in inputs:
            check_source(source.name)
        corpora = {head: self.corpus(source, self.read) for head, source in sources.items()}
        return corpora, {head: self.addition(source, corpora[head]) for head, source in additions.items()}

    def addition(self, source: Source, corpus: Corpus) -> Corpus:
        """More rows for the head of `corpus`: with the labels of that head, unless --labels or --map names others."""
        same_labels = self.read.labels is None and self.read.map is None
        return self.corpus(source, replace(self.read, labels=tuple(corpus.labels)) if same_labels else self.read)

    def corpus(self, source: Source, read: ReadOptions) -> Corpus:
        """The corpus of a source; `read` is for files only."""
        own = replace(read, label=source.label or read.label) if options.is_file(source.name) else ReadOptions()
        return options.open_corpus(source.name, own, self.data_dir)


def split_head_name(word: str) -> tuple[str | None, Source]:
    """NAME and source of a word; NAME is None if there is none, or if the word is the path of a file."""
    name, equals, source = word.partition("=")
    return (name, split_column(source)) if equals and source and not Path(word).exists() else (None, split_column(word))


def split_column(source: str) -> Source:
    """The source in CORPUS, FILE or FILE:COLUMN."""
    file, colon, column = source.rpartition(":")
    return Source(file, column) if colon and column and Path(file).is_file() else Source(source)


def default_head_name(source: str) -> str:
    """The name of a head that was given none: its corpus, with - for :, or its file without the ending."""
    if not options.is_file(source):
        return source.replace(":", "-")
    name = Path(source).name.removesuffix(".gz")
    return name.rpartition(".")[0] or name


def check_source(source: str) -> None:
    """Check that a corpus is known or a file exists: UnknownName or ConfigError if not."""
    if not options.is_file(source):
        from munjang.data.corpora.table import corpus_row

        corpus_row(source)
    elif not Path(source).exists():
        raise ConfigError(_("There is no file {source}.", source=source))


def refuse_single_corpus_flags(given: Mapping[str, Any]) -> None:
    """ConfigError if a flag is given that is only for one corpus."""
    if flag := next((flag for flag, value in given.items() if value), None):
        raise ConfigError(
            _("{flag} is for one corpus; with several, each file gives its splits in a column named split.", flag=flag)
        )


def train_several(
    arguments: CorpusArguments,
    config: TrainConfig,
    out: Path,
    sentences: Sequence[str],
    *,
    overwrite: bool,
    resume: bool,
    cache: bool,
) -> None:
    """Train a model with a head for each corpus, print its scores, and predict the sentences to try."""
    from munjang.files import is_first_process
    from munjang.training.multihead import check_config, train_heads_into

    check_config(config)
    corpora, more = arguments.open()
    inputs = [source.name for source in (*arguments.sources().values(), *arguments.additions().values())]
    model = train_heads_into(
        out,
        corpora,
        config,
        more,
        inputs=[*inputs, config.backbone],
        overwrite=overwrite,
        resume=resume,
        announce=options.print_cleaning,
        progress=sys.stderr.isatty(),
        cache=cache,
    )
    if is_first_process():
        show(model, sentences)


def show(model: Analyzer, sentences: Sequence[str]) -> None:
    """Print the scores of each head, its predictions for the sentences to try, and the model folder."""
    rows = []
    for head in model.heads:
        split = "test" if head.test else "validation"
        scores, calibration = getattr(head, split), head.calibration
        rows.append(
            [head.name, head.corpus, split, scores["n"], *(f"{scores[name]:.4f}" for name in ("accuracy", "macro_f1")),
             *(f"{calibration[when]:.4f}" for when in ("before", "after")), f"{head.temperature:.3f}"]
        )  # fmt: skip
    header = [
        _("head"), _("corpus"), _("split"), _("texts"), _("accuracy"), _("macro F1"), _("ECE before"), _("after"),
        _("temperature"),
    ]  # fmt: skip
    typer.echo(format_table(header, rows))
    if sentences:
        predictions = [
            [analysis.text, head, prediction.label, prediction.score]
            for analysis in model.analyze_many(list(sentences))
            for head, prediction in analysis.answers.items()
        ]
        typer.echo("\n" + _("New sentences:"))
        typer.echo(format_table([_("text"), _("head"), _("label"), _("score")], predictions))
    typer.echo("\n" + _("Model:  {folder}", folder=model.whole.folder))
    typer.echo(
        _('Try:    munjang analyze --model {folder} "영화 개재밌어 ㅋㅋㅋㅋㅋ"', folder=quote(str(model.whole.folder)))
    )
