"""The decay of a pre-training with a constant rate: a branch from its newest checkpoint, whose rate ends at 0."""

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
from munjang.files import disk_errors, is_first_process, whole_folder, write_json
from munjang.models.folder import RESUME_REMEDY, read_json_object
from munjang.pretraining.card import EARLIER, texts_of
from munjang.pretraining.run import (
    PACKAGES,
    SETTINGS_FILE,
    WEIGHTS,
    describe_data,
    make_job,
    open_backbone,
    prepare_texts,
    run_and_save,
)
from munjang.pretraining.texts import TextSource, source_files
from munjang.training.fit import first_process_first
from munjang.training.folders import run_folder
from munjang.translation import _, option_text

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
    """Decay a run with a constant rate: from its newest checkpoint, `steps` more steps to a rate of 0, saved in `out`.

    The run itself is not changed (it may still be running) and can go on afterwards. With steps=0 its weights are saved
    as they are. sources: the texts of these last steps, if they or their weights differ from the run's; `exclude` must
    then name the files that the run left out again. Returns the folder.
    """
    require(_("pre-training"), "train", *PACKAGES)
    run = Path(run)
    if not resume:
        newest_checkpoint(run)  # raises errors of the run before anything is deleted
    inputs = [run, *source_files(sources), *exclude, data_dir]
    with run_folder(Path(out), overwrite=overwrite, resume=resume, inputs=inputs) as folder:
        kept = (run if (run / SETTINGS_FILE).exists() else folder) / SETTINGS_FILE
        before = read_json_object(kept)
        config = from_dict(PretrainConfig, before["config"], where=str(kept))
        data = describe_data(sources, exclude) if sources else before["data"]
        check_excluded(before["data"], data, run)

        def write_texts() -> None:
            if sources:
                facts = read_json_object(folder / EARLIER)["facts"]
                # The same share as in the run: it must not have learnt what is held out here.
                prepare_texts(folder, config, sources, exclude, data_dir, facts.get("share"))

        settings = first_process_first(config, lambda: branch(run, folder, steps, data, write_texts))
        if (folder / WEIGHTS).exists():
            log.info("%s is already finished.", folder)
            shutil.rmtree(folder / "checkpoints", ignore_errors=True)  # the run was killed while deleting them
            return Path(out)
        backbone = open_backbone(folder, config)
        first = settings["decay_from"]
        job = make_job(folder, config, backbone, resume=True, minutes=minutes, progress=progress)
        job = replace(job, steps=first + settings["decay_steps"], decay_from=first)
        run_and_save(job, backbone, settings)
    return Path(out)


def check_excluded(before: dict[str, Any], data: dict[str, Any], run: Path) -> None:
    """A ConfigError if the last steps would learn from the texts of a file that the run left out."""
    excluded = {file["name"] for file in data["exclude"]}
    missing = [file["name"] for file in before["exclude"] if file["name"] not in excluded]
    if missing:
        raise ConfigError(
            _(
                "{run} left out the texts of {files}; name these files with {option:exclude} again.",
                run=run,
                files=", ".join(missing),
            )
        )


def branch(
    run: Path, folder: Path, steps: int, data: dict[str, Any], write_texts: Callable[[], None]
) -> dict[str, Any]:
    """The settings of the decay in `folder`; makes the branch first if that is not done or not finished.

    data: what the last steps learn from. write_texts: writes these texts, unless they are the run's own. ConfigError if
    the folder holds something else: another kind of run, or a decay of another run, with other steps or other texts.
    """
    if (folder / SETTINGS_FILE).exists():
        before = read_json_object(folder / SETTINGS_FILE)
        if "decay_from" not in before:
            raise ConfigError(
                _(
                    "{folder} is a pre-training of its own, not the decay of a run; choose another {option:out}.",
                    folder=folder,
                )
            )
        run_before, steps_before = before.get("decay_run", short_name(run)), before["decay_steps"]
        if (run_before, steps_before) != (short_name(run), steps):
            raise ConfigError(
                _(
                    "{folder} was started with {before}, not {run} and {steps}. Resume with the same run and steps.",
                    folder=folder,
                    before=option_text(decay=run_before, steps=steps_before),
                    run=short_name(run),
                    steps=steps,
                )
            )
        if before["data"] != data:
            raise ConfigError(_("{folder} was started with other texts. Resume with the same texts.", folder=folder))
    if is_first_process() and not (folder / "checkpoints").exists() and not (folder / WEIGHTS).exists():
        branch_off(run, folder, steps, data, write_texts)
    return read_json_object(folder / SETTINGS_FILE)


def branch_off(run: Path, folder: Path, steps: int, data: dict[str, Any], write_texts: Callable[[], None]) -> None:
    """Copy tokenizer, log, newest checkpoint and (unless there are other texts) the texts of a run into a folder.

    The settings come first, because they mark the folder as a run. The checkpoint comes last: without it the copy is
    made again.
    """
    checkpoint, state = newest_checkpoint(run)
    before = read_json_object(run / SETTINGS_FILE)
    for name in ("run", "texts"):
        shutil.rmtree(folder / name, ignore_errors=True)
    with disk_errors(folder, _(RESUME_REMEDY)):
        (folder / "run").mkdir()
        facts = {"decay_run": short_name(run), "decay_from": state["step"], "decay_steps": steps}
        write_json(folder / SETTINGS_FILE, before | facts | {"data": data})
        if (run / "run" / "tokenizer").exists():
            shutil.copytree(run / "run" / "tokenizer", folder / "run" / "tokenizer")
        shutil.copyfile(run / "run" / "log.jsonl", folder / "run" / "log.jsonl")
        write_json(folder / EARLIER, texts_of(run))
        write_texts()
        if not (folder / "texts").exists():
            (folder / EARLIER).unlink()  # there is only one set of texts
            shutil.copytree(run / "texts", folder / "texts", copy_function=link)
            shutil.copyfile(run / "run" / "texts.json", folder / "run" / "texts.json")
        with whole_folder(folder / "checkpoints") as temporary:
            shutil.copytree(checkpoint, temporary / checkpoint.name, copy_function=link)


def newest_checkpoint(run: Path) -> tuple[Path, dict[str, Any]]:
    """The newest whole checkpoint of a pre-training and its state."""
    from munjang.training.loops.checkpoints import newest_whole

    if not (run / SETTINGS_FILE).exists():
        raise ConfigError(_("{run} is not a pre-training run of munjang.", run=run))
    checkpoint = newest_whole(run / "checkpoints")
    if checkpoint is None:
        raise BundleError(_("{run} has no checkpoint yet.", run=run))
    return checkpoint


def short_name(path: str | Path) -> str:
    """A file or folder with only its last folder, so that it does not show the folders of this machine."""
    path = Path(path).resolve()
    return f"{path.parent.name}/{path.name}"


def link(source: str, target: str) -> None:
    """A hard link to a file that will not change any more, or a copy if it is on another disk."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
