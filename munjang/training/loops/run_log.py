"""The log of a run: one JSON object per line, and TensorBoard beside it."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from munjang.files import write_text

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

log = logging.getLogger("munjang")


@dataclass
class RunLog:
    """The run's log: one JSON object per line, TensorBoard beside it. On resume, rows after `start_step` are cut."""

    folder: Path
    start_step: int = 0

    def __post_init__(self) -> None:
        self.path = self.folder / "run" / "log.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        rows = [row for row in read_log(self.path) if row["step"] <= self.start_step] if self.start_step else []
        write_text(self.path, "".join(json.dumps(row) + "\n" for row in rows))

    @cached_property
    def board(self) -> SummaryWriter:
        """TensorBoard's writer, made when there is something to write: importing it takes half a second."""
        from torch.utils.tensorboard import SummaryWriter

        folder = self.folder / "run" / "tensorboard"
        # TensorBoard reads the files of a run in the order of their names, which hold whole seconds: a resumed run's
        # file must be of a later second than the one it goes on from.
        while any(folder.glob(f"events.out.tfevents.{int(time.time()):010d}.*")):
            time.sleep(0.05)
        return SummaryWriter(folder, purge_step=self.start_step + 1 if self.start_step else None)

    def add(self, step: int, **values: float) -> None:
        """Note values after a step; if they cannot be written, there is a warning and training goes on."""
        try:
            with self.path.open("a", encoding="utf-8") as stream:
                row = {"step": step, **{name: float(value) for name, value in values.items()}}
                stream.write(json.dumps(row) + "\n")
            for name, value in values.items():
                self.board.add_scalar(name, value, step)
        except OSError as error:
            log.warning("%s could not be written: %s.", self.path, error.strerror)

    def close(self) -> None:
        """Finish the files."""
        if "board" in self.__dict__:
            self.board.close()


def read_log(path: Path) -> list[dict[str, float]]:
    """The rows of a run's log.jsonl, without a last line that was cut off."""
    if not path.exists():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows
