"""The folder of a run: what may be overwritten, and what is restored if a run fails before its first checkpoint."""

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

RunResult = TypeVar("RunResult")


def temporary_run(train: Callable[[Path], RunResult]) -> RunResult:
    """Call `train` with a temporary folder that is deleted together with the result, or when `train` fails.

    ConfigError under torchrun, because all processes must know the folder.
    """
    if "RANK" in os.environ:
        raise ConfigError(_("Under torchrun a run needs a folder that all processes know: give out=."))
    folder = Path(mkdtemp(prefix="munjang-"))
    try:
        result = train(folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(result, shutil.rmtree, folder, ignore_errors=True)
    return result


@contextmanager
def run_folder(
    folder: Path, *, overwrite: bool, resume: bool, inputs: Sequence[str | Path | None] = ()
) -> Iterator[Path]:
    """The folder of a run, empty unless a run is resumed there; raises the errors of `check_folder`.

    A model to be overwritten is moved to .NAME.replaced beside it. It comes back if the run fails before it has a
    checkpoint or a model.
    """
    aside = folder.with_name(f".{folder.name}.replaced")
    check_folder(folder, overwrite=overwrite, resume=resume, inputs=inputs)
    moved = overwrite and folder.exists() and not folder.is_symlink() and is_first_process()
    if moved:
        shutil.rmtree(aside, ignore_errors=True)
        folder.replace(aside)
    if folder.exists() and not resume and is_first_process() and any(folder.iterdir()):
        clear_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
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


def check_folder(folder: Path, *, overwrite: bool, resume: bool, inputs: Sequence[str | Path | None] = ()) -> None:
    """A ConfigError if the folder is not empty and neither `overwrite` nor `resume` is given.

    inputs: files and folders that the run reads. A folder that is one of them, contains one or lies in one is refused
    before anything is deleted. A run that stopped before its first checkpoint starts again.
    """
    if overwrite and resume:
        raise ConfigError(_("{option:overwrite=True} and {option:resume=True} cannot be given together."))
    if folder.exists() and not folder.is_dir():
        raise ConfigError(_("{folder} is a file; {option:out} needs a folder.", folder=folder))
    for name in inputs:
        source, target = Path(name or "").resolve(), folder.resolve()
        if name and Path(name).exists() and (target in (source, *source.parents) or source in target.parents):
            if source in target.parents and not is_model(source):
                continue  # a data folder may contain the models made from it
            raise ConfigError(
                _(
                    "{option:out={folder}} and {input}, which the run reads, overlap. Choose another {option:out}.",
                    folder=folder,
                    input=name,
                )
            )
    if folder.exists() and any(folder.iterdir()) and not resume and is_first_process():
        ours = is_model(folder) or (folder / "run" / "settings.json").exists()
        begun = is_model(folder) or (folder / "checkpoints").exists()
        if not overwrite and (begun or not ours):
            if ours:
                text = _(
                    "{folder} is not empty. Give {option:overwrite=True} to replace it, {option:resume=True} to go on.",
                    folder=folder,
                )
            else:
                text = _("{folder} is not empty. Give another folder.", folder=folder)
            raise ConfigError(text)
        if not ours:
            raise ConfigError(
                _(
                    "{folder} holds something other than a munjang run; {option:overwrite=True} will not delete it.",
                    folder=folder,
                )
            )


def clear_folder(folder: Path) -> None:
    """Delete a folder; of a link, delete only the contents."""
    if not folder.is_symlink():
        shutil.rmtree(folder)
        return
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def is_model(folder: Path) -> bool:
    """Whether a folder holds a finished model of munjang or of transformers."""
    return (folder / MANIFEST).exists() or (folder / "config.json").exists()
