"""The folder of a run: what may be overwritten, and what is restored if a run fails before its first checkpoint."""

from __future__ import annotations

import os
import shutil
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TypeVar

from munjang.errors import ConfigError
from munjang.files import TEMPORARY, disk_errors, is_first_process, make_temporary_folder, remove
from munjang.files.outputs import WORK, put_in_place, sole_writer, staged, work_of_folder
from munjang.models.folder import MANIFEST, model_entries
from munjang.translation import _

RunResult = TypeVar("RunResult")


def temporary_run(train: Callable[[Path], RunResult]) -> RunResult:
    """Call `train` with a temporary folder that is deleted together with the result, or when `train` fails.

    ConfigError under torchrun, because all processes must know the folder.
    """
    if "RANK" in os.environ:
        raise ConfigError(_("Under torchrun a run needs a folder that all processes know: give out=."))
    folder = make_temporary_folder()
    try:
        (folder / "model").mkdir()  # a model is called after its folder
        result = train(folder / "model")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(result, shutil.rmtree, folder, ignore_errors=True)
    return result


@contextmanager
def run_folder(
    folder: Path, *, overwrite: bool, resume: bool, inputs: Sequence[str | Path | None] = ()
) -> Iterator[Path]:
    """The folder to train in, empty unless a run is resumed; raises the errors of `check_folder`, and InUse.

    Where something is overwritten, that is a folder inside the work folder: what was there stays until the block ends
    without error, and then the new run stands in its place. A run that was stopped there is resumed there. Under
    torchrun only the first process makes and moves anything.
    """
    check_overlap(folder, inputs)
    work, leads = work_of_folder(folder), is_first_process()
    with (
        disk_errors(folder, _("Free some space and give the same command again.")),
        sole_writer(work) if leads else nullcontext(),
    ):
        check_folder(folder, overwrite=overwrite, resume=resume)
        is_beside = is_started(staged(work)) if resume else overwrite and ("RANK" in os.environ or is_occupied(folder))
        place = staged(work) if is_beside else folder
        if leads:
            make_place(folder, place, resume=resume)
        try:
            yield place
        except BaseException:
            if leads and is_beside and not is_begun(place):
                remove(work / "new")
            raise
        if is_beside:
            wait_for_all()  # each process has opened the model where it was made
            if leads:
                put_in_place(work, last=("config.json", MANIFEST), outdated=model_entries(folder))
            wait_for_all()


def make_place(folder: Path, place: Path, *, resume: bool) -> None:
    """Delete what a killed process left, and what a run left that stopped before its first checkpoint."""
    if not resume or place == folder:
        remove(work_of_folder(folder) / "new")
    for name in model_entries(folder) if place == folder and not resume else ():
        remove(folder / name)
    place.mkdir(parents=True, exist_ok=True)


def wait_for_all() -> None:
    """Wait until all processes of torchrun are here."""
    if "RANK" in os.environ:
        from accelerate import PartialState

        PartialState().wait_for_everyone()


def check_overlap(folder: Path, inputs: Sequence[str | Path | None]) -> None:
    """A ConfigError if the folder is a file, or if it is, contains or lies in something that the run reads."""
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


def check_folder(folder: Path, *, overwrite: bool, resume: bool) -> None:
    """A ConfigError if the folder is not empty and neither `overwrite` nor `resume` is given.

    A run that stopped before its first checkpoint starts again.
    """
    if overwrite and resume:
        raise ConfigError(_("{option:overwrite=True} and {option:resume=True} cannot be given together."))
    if resume or not is_first_process() or not is_occupied(folder):
        return
    if not is_model(folder) and not is_started(folder):
        text = _(
            "{folder} holds something other than a munjang run; {option:overwrite=True} will not delete it.",
            folder=folder,
        )
        raise ConfigError(text if overwrite else _("{folder} is not empty. Give another folder.", folder=folder))
    if is_begun(folder) and not overwrite:
        raise ConfigError(
            _(
                "{folder} is not empty. Give {option:overwrite=True} to replace it, {option:resume=True} to go on.",
                folder=folder,
            )
        )


def is_occupied(folder: Path) -> bool:
    """Whether a folder holds a file, apart from what munjang writes with: a killed run may leave only that."""
    for path in folder.rglob("*"):
        if not path.is_dir() and WORK not in path.relative_to(folder).parts and not TEMPORARY.fullmatch(path.name):
            return True
    return False


def is_started(folder: Path) -> bool:
    """Whether a run has begun there."""
    return (folder / "run" / "settings.json").exists()


def is_begun(folder: Path) -> bool:
    """Whether a run has got as far as its first checkpoint, or as the first one of a fold."""
    folds = folder / "run" / "folds"
    return (
        is_model(folder)
        or any(path.exists() for path in (folder / "checkpoints", *folds.glob("*/checkpoints")))
        or any(folds.rglob("*.npz"))
    )


def is_model(folder: Path) -> bool:
    """Whether a folder holds a finished model of munjang or of transformers."""
    return (folder / MANIFEST).exists() or (folder / "config.json").exists()
