"""The folder of a run: what may be written over, and what comes back when a run fails before it learnt."""

from __future__ import annotations

import os
import shutil
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import TypeVar

from munjang.errors import ConfigError
from munjang.files import is_first_process
from munjang.models.folder import MANIFEST
from munjang.translation import _

RunResult = TypeVar("Learnt")


def temporary_run(learn: Callable[[Path], RunResult]) -> RunResult:
    """Call `learn` with a temporary folder that lives as long as what it returns; where it fails, the folder goes too.

    ConfigError: processes of torchrun, which must all know the folder.
    """
    if "RANK" in os.environ:
        raise ConfigError(_("Under torchrun a run needs a folder that all processes know: give out=."))
    folder = Path(mkdtemp(prefix="munjang-"))
    try:
        learnt = learn(folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(learnt, shutil.rmtree, folder, ignore_errors=True)
    return learnt


@contextmanager
def run_folder(
    folder: Path, *, overwrite: bool, resume: bool, inputs: Sequence[str | Path | None] = ()
) -> Iterator[Path]:
    """The folder of a run, opened as `open_run_folder` says; what it held comes back if the run fails before it learnt.

    A model that is to be overwritten is set aside (.NAME.replaced beside it) until the new run has a checkpoint or a
    model of its own.
    """
    aside = folder.with_name(f".{folder.name}.replaced")
    check_folder(folder, overwrite=overwrite, resume=resume, inputs=inputs)
    moved = overwrite and folder.exists() and not folder.is_symlink() and is_first_process()
    if moved:
        shutil.rmtree(aside, ignore_errors=True)
        folder.replace(aside)
    open_run_folder(folder, overwrite=overwrite, resume=resume)
    try:
        yield folder
    except BaseException:
        if moved and not is_model(folder) and not (folder / "checkpoints").exists():
            shutil.rmtree(folder, ignore_errors=True)
            aside.replace(folder)
        raise
    finally:
        if moved:
            shutil.rmtree(aside, ignore_errors=True)


def open_run_folder(folder: Path, *, overwrite: bool, resume: bool, inputs: Sequence[str | Path | None] = ()) -> None:
    """Make the run's folder, empty unless a run is resumed there; refuses what `check_folder` refuses."""
    check_folder(folder, overwrite=overwrite, resume=resume, inputs=inputs)
    if folder.exists() and any(folder.iterdir()) and not resume and is_first_process():
        clear_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)


def check_folder(folder: Path, *, overwrite: bool, resume: bool, inputs: Sequence[str | Path | None] = ()) -> None:
    """Refuse a folder that holds something, unless told what to do with it.

    inputs: files and folders that the run reads; a folder that is one of them, holds one or lies in one is refused
    before anything is deleted. A run that broke off before its first checkpoint is begun anew.
    """
    if overwrite and resume:
        raise ConfigError(_("--overwrite and --resume exclude each other."))
    if folder.exists() and not folder.is_dir():
        raise ConfigError(_("{folder} is a file; --out needs a folder.", folder=folder))
    for name in inputs:
        source, target = Path(name or "").resolve(), folder.resolve()
        if name and Path(name).exists() and (target in (source, *source.parents) or source in target.parents):
            if source in target.parents and not is_model(source):
                continue  # a folder of data may hold the models made from it
            raise ConfigError(
                _(
                    "--out {folder} and {name}, which the run reads, overlap. Choose another --out.",
                    folder=folder,
                    name=name,
                )
            )
    if folder.exists() and any(folder.iterdir()) and not resume and is_first_process():
        ours = is_model(folder) or (folder / "run" / "settings.json").exists()
        begun = is_model(folder) or (folder / "checkpoints").exists()
        if not overwrite and (begun or not ours):
            remedy = "--overwrite to replace it, --resume to go on" if ours else "another folder"
            raise ConfigError(_("{folder} is not empty. Give {remedy}.", folder=folder, remedy=remedy))
        if not ours:
            raise ConfigError(
                _("{folder} holds something other than a munjang run; --overwrite will not delete it.", folder=folder)
            )


def clear_folder(folder: Path) -> None:
    """Delete a folder, or, where it is a link, what it holds."""
    if not folder.is_symlink():
        shutil.rmtree(folder)
        return
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def is_model(folder: Path) -> bool:
    """Whether a folder holds a finished model of munjang or of transformers."""
    return (folder / MANIFEST).exists() or (folder / "config.json").exists()
