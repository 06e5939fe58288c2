"""Bringing a pre-training of constant rate down: a branch off its newest checkpoint whose rate ends at 0."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from munjang.config.settings import PretrainConfig, from_dict
from munjang.errors import BundleError, ConfigError, require
from munjang.files import disk_errors, is_first_process, write_json
from munjang.models.folder import read_json_object
from munjang.pretraining.card import EARLIER, texts_of
from munjang.pretraining.run import (
    PACKAGES,
    SETTINGS_FILE,
    WEIGHTS,
    described,
    make_job,
    open_start,
    ready_texts,
    run_and_save,
)
from munjang.pretraining.texts import TextSource, source_files
from munjang.training.folders import run_folder
from munjang.training.run import first_process_first
from munjang.translation import _

log = logging.getLogger("munjang")


def decay(
    run: str | Path,
    *,
    out: str | Path,
    steps: int,
    sources: Sequence[TextSource] = (),
    exclude: Sequence[str | Path] = (),
    data_dir: str | None = None,
    overwrite: bool = False,
    resume: bool = False,
    minutes: float | None = None,
    progress: bool = False,
) -> Path:
    """Bring a run of constant rate down: its newest checkpoint, `steps` more steps to a rate of 0, saved into `out`.

    The run itself is left as it is (it may still be running) and can go on afterwards. steps 0 saves its weights as
    they are. sources: the texts of these last steps where they are others than the run's, or weighted otherwise; the
    files that the run left out must then stand in `exclude` again. Returns the folder.
    """
    require("pre-training", "train", *PACKAGES)
    run, folder = Path(run), Path(out)
    if not resume:
        newest_checkpoint(run)  # says what is wrong with the run before anything is deleted
    inputs = [run, *source_files(sources), *exclude, data_dir]
    with run_folder(folder, overwrite=overwrite, resume=resume, inputs=inputs) as folder:
        kept = (run if (run / SETTINGS_FILE).exists() else folder) / SETTINGS_FILE
        before = read_json_object(kept)
        config = from_dict(PretrainConfig, before["config"], where=str(kept))
        data = described(sources, exclude) if sources else before["data"]
        check_left_out(before["data"], data, run)

        def prepare_texts() -> None:
            if sources:
                earlier = read_json_object(folder / EARLIER)[
                    "facts"
                ]  # the run must not have learnt what is held out here
                ready_texts(folder, config, sources, exclude, data_dir, earlier.get("share"))

        settings = first_process_first(config, lambda: branch(run, folder, steps, data, prepare_texts))
        if (folder / WEIGHTS).exists():
            log.info("%s is finished already.", folder)
            return folder
        start = open_start(folder, config)
        first = settings["decay_from"]
        job = make_job(folder, config, start, resume=True, minutes=minutes, progress=progress)
        job = replace(job, steps=first + settings["decay_steps"], decay_from=first)
        return run_and_save(job, start, settings)


def check_left_out(before: dict[str, Any], data: dict[str, Any], run: Path) -> None:
    """ConfigError where a file whose texts a run left out is not left out of its last steps: the run would learn it."""
    again = {each["name"] for each in data["exclude"]}
    missing = [each["name"] for each in before["exclude"] if each["name"] not in again]
    if missing:
        raise ConfigError(
            _(
                "{run} left out the texts of {missing}; name these files with --exclude again.",
                run=run,
                missing=", ".join(missing),
            )
        )


def branch(
    run: Path, folder: Path, steps: int, data: dict[str, Any], prepare_texts: Callable[[], None]
) -> dict[str, Any]:
    """The settings of a run brought down in `folder`, which is branched off where that was not done to its end.

    data: what the last steps learn from. prepare_texts: writes it, unless it is the run's own. ConfigError where the
    folder holds something else: another kind of run, of another run, over other steps, on other texts.
    """
    if (folder / SETTINGS_FILE).exists():
        before = read_json_object(folder / SETTINGS_FILE)
        if "decay_from" not in before:
            raise ConfigError(
                _("{folder} is a pre-training of its own, not a run brought down; choose another --out.", folder=folder)
            )
        found, steps_before = before.get("decay_run", place_of(run)), before["decay_steps"]
        if (found, steps_before) != (place_of(run), steps):
            raise ConfigError(
                _(
                    "{folder} was begun with --decay {found} --steps {steps_before}, not {place_of} and "
                    "{steps}. Resume with the same ones.",
                    folder=folder,
                    found=found,
                    steps_before=steps_before,
                    place_of=place_of(run),
                    steps=steps,
                )
            )
        if before["data"] != data:
            raise ConfigError(_("{folder} was begun on other texts. Resume with the same ones.", folder=folder))
    if is_first_process() and not (folder / "checkpoints").exists() and not (folder / WEIGHTS).exists():
        branch_off(run, folder, steps, data, prepare_texts)
    return read_json_object(folder / SETTINGS_FILE)


def branch_off(run: Path, folder: Path, steps: int, data: dict[str, Any], prepare_texts: Callable[[], None]) -> None:
    """Copy tokenizer, log, the newest checkpoint and, unless others are made ready, the texts of a run into a folder.

    The settings come first, since they mark the folder as ours, and the checkpoint last: without it nothing counts.
    """
    checkpoint, state = newest_checkpoint(run)
    before = read_json_object(run / SETTINGS_FILE)
    for name in ("run", "texts", ".checkpoints"):
        shutil.rmtree(folder / name, ignore_errors=True)
    with disk_errors(folder, "Free some space and go on with --resume."):
        (folder / "run").mkdir()
        facts = {"decay_run": place_of(run), "decay_from": state["step"], "decay_steps": steps}
        write_json(folder / SETTINGS_FILE, before | facts | {"data": data})
        if (run / "run" / "tokenizer").exists():
            shutil.copytree(run / "run" / "tokenizer", folder / "run" / "tokenizer")
        shutil.copyfile(run / "run" / "log.jsonl", folder / "run" / "log.jsonl")
        write_json(folder / EARLIER, texts_of(run))
        prepare_texts()
        if not (folder / "texts").exists():
            (folder / EARLIER).unlink()  # there is but one set of texts
            shutil.copytree(run / "texts", folder / "texts", copy_function=link)
            shutil.copyfile(run / "run" / "texts.json", folder / "run" / "texts.json")
        shutil.copytree(checkpoint, folder / ".checkpoints" / checkpoint.name, copy_function=link)
        (folder / ".checkpoints").replace(folder / "checkpoints")


def newest_checkpoint(run: Path) -> tuple[Path, dict[str, Any]]:
    """The newest whole checkpoint of a pre-training and its state."""
    from munjang.training.loops.checkpoints import newest_whole

    if not (run / SETTINGS_FILE).exists():
        raise ConfigError(_("{run} is no pre-training run of munjang.", run=run))
    found = newest_whole(run / "checkpoints")
    if found is None:
        raise BundleError(_("{run} has no checkpoint yet to go on from.", run=run))
    return found


def place_of(path: str | Path) -> str:
    """A file or folder with the folder it lies in, without those of this machine."""
    path = Path(path).resolve()
    return f"{path.parent.name}/{path.name}"


def link(source: str, target: str) -> None:
    """A second name for a file that is never written to again, or a copy on another disk."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
