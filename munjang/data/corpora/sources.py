"""Finds the files of a corpus: data folder, local cache, hub, original addresses, in this order."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from munjang.data.corpora import download, hub
from munjang.data.corpora.checksums import WrongChecksum
from munjang.data.corpora.schema import CorpusRow, HubPlace, TextForm
from munjang.data.splits import SPLIT_NAMES
from munjang.errors import DataError, FetchError
from munjang.files import ASSETS
from munjang.records import SPLITS, Tree
from munjang.translation import _

SAMPLE_FOLDER = ASSETS / "samples"
ORIGINAL, PARQUET, OTHER = range(3)  # which file of a split is preferred
SUFFIXES = (".parquet", ".json", ".tsv", ".csv", ".txt", ".conllu")


@dataclass(frozen=True)
class FoundFile:
    """One file of a corpus and the split it holds; `form` is the layout of a text file."""

    path: Path
    split: str
    form: TextForm


@dataclass(frozen=True)
class CorpusFiles:
    """The files of a corpus in reading order, where they came from, and what the card should say about it."""

    files: tuple[FoundFile, ...]
    source: str
    notes: tuple[str, ...] = ()


NOTHING = CorpusFiles((), "")


def find(row: CorpusRow, data_dir: str | Path | None = None) -> CorpusFiles:
    """The files of a corpus from the first source that has any; the network comes last.

    FetchError: no source has it; the message names everything that was tried and what to do.
    """
    if row.embedded:
        return embedded(row)
    tried: list[str] = []
    for source in (lambda: in_data_folder(row, data_dir, tried), lambda: in_cache(row, tried)):
        corpus_files = source()
        if corpus_files.files:
            return corpus_files
    for source in (*(partial(from_hub, row, place) for place in row.hub), partial(from_makers, row)):
        try:
            return source()
        except WrongChecksum:
            raise
        except FetchError as error:
            tried.append(str(error))
    raise FetchError(
        _(
            "{corpus} was not found. Tried: {tried}. {remedy}",
            corpus=row.name,
            tried="; ".join(tried),
            remedy=remedy(row),
        )
    )


def embedded(row: CorpusRow) -> CorpusFiles:
    """The file of a sample corpus, which comes with the package."""
    path = SAMPLE_FOLDER / f"{row.name.partition(':')[2]}.tsv"
    if not path.is_file():
        raise FetchError(
            _("{corpus} comes with munjang, but {path} is missing. Install munjang again.", corpus=row.name, path=path)
        )
    return CorpusFiles((FoundFile(path, "train", TextForm()),), _("written for munjang, comes with the package"))


def in_data_folder(row: CorpusRow, data_dir: str | Path | None, tried: list[str]) -> CorpusFiles:
    """The corpus's files in the data folder, all or some; if there are none, the reason is added to `tried`."""
    root = data_dir or os.environ.get("MUNJANG_DATA")
    if not root:
        tried.append(_("data folder (none given)"))
        return NOTHING
    if not Path(root).is_dir():
        raise DataError(
            _(
                "There is no data folder {root}. Give {option:data_dir} (or MUNJANG_DATA) a folder with corpora.",
                root=root,
            )
        )
    folder = Path(root) / row.folder
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
    files = choose_files(row, folder, names)
    if not files:
        if folder.is_dir():
            tried.append(_("{folder} (no file of this corpus in it)", folder=folder))
        else:
            tried.append(_("{folder} (no such folder)", folder=folder))
        return NOTHING
    return CorpusFiles(files, f"{folder} ({', '.join(file.path.name for file in files)})")


def in_cache(row: CorpusRow, tried: list[str]) -> CorpusFiles:
    """The corpus as it was downloaded before; an incomplete download does not count."""
    for place in row.hub:
        files = choose_files(row, *hub.cached_download(place))
        if complete(row, files):
            source = _("cache of the hub, {repo} at {revision}", repo=place.repo, revision=place.revision)
            return CorpusFiles(files, source, place.notes)
    files = originals(row, download.cached_originals(row))
    if complete(row, files):
        return CorpusFiles(files, _("cache of original files, {homepage}", homepage=row.homepage))
    tried.append(_("local cache ({folder})", folder=hub.cache_folder()))
    return NOTHING


def from_hub(row: CorpusRow, place: HubPlace) -> CorpusFiles:
    """The corpus, downloaded from one repository of the hub. FetchError: it has no complete corpus."""
    files = choose_files(row, *hub.download(place))
    if not complete(row, files):
        splits = ", ".join(file.split for file in files)
        if not splits:
            raise FetchError(_("{repo} at {revision} (no splits there)", repo=place.repo, revision=place.revision))
        raise FetchError(
            _(
                "{repo} at {revision} (splits there: {splits})",
                repo=place.repo,
                revision=place.revision,
                splits=splits,
            )
        )
    source = _("hub, {repo} at {revision}", repo=place.repo, revision=place.revision)
    return CorpusFiles(files, source, place.notes)


def from_makers(row: CorpusRow) -> CorpusFiles:
    """The corpus, downloaded from its makers. FetchError: it could not be downloaded."""
    if not row.originals:
        raise FetchError(_("original files (the table has no address for them)"))
    if hub.is_offline():
        raise FetchError(_("{homepage} (not asked: HF_HUB_OFFLINE is set)", homepage=row.homepage))
    files = originals(row, download.fetch_originals(row))
    return CorpusFiles(files, _("original files, {homepage}", homepage=row.homepage))


def choose_files(row: CorpusRow, root: Path, names: Iterable[str]) -> tuple[FoundFile, ...]:
    """The files of the corpus among `names`, in the order of the splits. names: paths under `root`, with `/`.

    For each split the original file is preferred, then parquet (all of its parts), then another text file whose name
    tells the split, such as a sample of the original. A treebank may also be one text file whose name tells no split.
    """
    by_split: dict[str, dict[int, list[FoundFile]]] = {}
    alone: list[FoundFile] = []
    for name in names:
        path = root / name
        if Path(name.removesuffix(".gz")).suffix not in SUFFIXES or row.part not in path.name.lower():
            continue
        original = next((item for item in row.originals if item.name == path.name), None)
        split = original.split if original else split_in(name, row)
        rank = ORIGINAL if original else PARQUET if path.suffix == ".parquet" else OTHER
        file = FoundFile(path, split or "train", original.form if original else form_for(path, row))
        if split or rank != OTHER:
            by_split.setdefault(file.split, {}).setdefault(rank, []).append(file)
        elif row.label_type is Tree:
            alone.append(file)
    if not by_split and len(alone) == 1:
        return (alone[0],)
    best = [(split, *min(by_split[split].items())) for split in SPLITS if split in by_split]
    return tuple(file for __, rank, files in best for file in (files if rank == PARQUET else files[:1]))


def form_for(path: Path, row: CorpusRow) -> TextForm:
    """The layout of a text file that is not an original: the layout of the corpus's originals, else by its suffix."""
    forms = [original.form for original in row.originals if original.name.endswith(path.suffix)]
    return forms[0] if forms else TextForm(",", quoted=True) if path.suffix == ".csv" else TextForm()


def split_in(name: str, row: CorpusRow) -> str:
    """The split that a path tells, first by the file name, then by its folders; "" if it tells none."""
    for part in reversed(name.lower().split("/")):
        for word in re.split(r"[\W\d_]+", part):
            if word in SPLIT_NAMES:
                return common_split(word, row)
    return ""


def common_split(name: str, row: CorpusRow) -> str:
    """munjang's name for a split; the dev split of a corpus without a validation split is its test split."""
    if name.lower() not in SPLIT_NAMES:
        raise DataError(
            _(
                "{corpus}: unknown split '{split}'. Known: {known}.",
                corpus=row.name,
                split=name,
                known=", ".join(SPLIT_NAMES),
            )
        )
    split = SPLIT_NAMES[name.lower()]
    return "test" if split == "validation" and row.rows and split not in row.rows else split


def originals(row: CorpusRow, paths: Iterable[Path]) -> tuple[FoundFile, ...]:
    """Downloaded original files with their splits and layouts."""
    by_name = {original.name: original for original in row.originals}
    return tuple(FoundFile(path, by_name[path.name].split, by_name[path.name].form) for path in paths)


def complete(row: CorpusRow, files: Iterable[FoundFile]) -> bool:
    """Whether every split of the corpus has a file."""
    return set(row.rows) <= {file.split for file in files}


def remedy(row: CorpusRow) -> str:
    """What a user without the corpus can do, in a few sentences."""
    sentences = []
    if hub.is_offline() and row.hub:
        sentences.append(_("Unset HF_HUB_OFFLINE to download it, or use your own copy."))
    if row.originals:
        sentences.append(
            _(
                "Put the files {files} (or parquet with the same columns) into DIR/{folder} and give "
                "{option:data_dir=DIR}.",
                files=", ".join(original.name for original in row.originals),
                folder=row.folder,
            )
        )
    else:
        sentences.append(_("Put {folder}.parquet into DIR/{folder} and give {option:data_dir=DIR}.", folder=row.folder))
    sentences.append(_("The samples, such as sample:sentiment, need no download."))
    return " ".join(sentences)
