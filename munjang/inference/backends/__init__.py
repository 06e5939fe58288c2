"""The formats in which a model is stored and run. A new one is a module here and a line in BACKENDS.

Each module has `load(folder, manifest, task) -> Runner`, and writes its own format.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from munjang.config.checks import one_of
from munjang.errors import BundleError, ConfigError, unknown_name
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.models.folder import Manifest
    from munjang.tasks.base import Batch, Outputs, Task

BACKENDS = {
    "native": "munjang.inference.backends.native",
    "linear": "munjang.inference.backends.linear",
    "onnx": "munjang.inference.backends.onnx",
    "hybrid": "munjang.inference.backends.hybrid",
}

PRECISIONS = ("fp32", "bf16")
TOKENS = 1_024  # tokens (characters for a linear model) in a forward pass, padding included


class Runner(Protocol):
    """A loaded model: from texts to encodings, from encodings to batches, from batches to outputs.

    max_length: how long a text may be, in `unit` ("tokens" or "characters"); longer texts are cut.
    """

    max_length: int
    unit: str

    def encode(self, texts: Sequence[str]) -> Any:
        """Encodings of cleaned texts: `len()`, `.lengths` (n,) for sorting, `.truncated` (n,) bool."""

    def batch(self, encodings: Any, indices: np.ndarray) -> Batch:
        """One batch of the sentences at `indices`."""

    def run(self, batch: Batch) -> Outputs:
        """The model's outputs as NumPy arrays: `logits (B, L)` float32."""


def load_runner(folder: Path, manifest: Manifest, task: Task, precision: str = "fp32") -> Runner:
    """The runner of a model folder, by its format. precision: fp32, or bf16 for the native format's matrix products."""
    one_of("precision", precision, PRECISIONS)
    if manifest.format not in BACKENDS:
        raise BundleError(str(unknown_name(_("format"), manifest.format, BACKENDS)))
    options = {} if precision == "fp32" else {"precision": precision}
    if options and manifest.format not in ("native", "hybrid"):  # a hybrid asks again for its network
        raise ConfigError(
            _(
                "{folder} has the format {format}, whose precision is fixed. Leave the precision out.",
                folder=folder,
                format=manifest.format,
            )
        )
    return import_module(BACKENDS[manifest.format]).load(folder, manifest, task, **options)
