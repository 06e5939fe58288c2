"""The native format: a transformers model folder, run by PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from munjang import files
from munjang.encoder.families import family_of
from munjang.errors import BundleError, require
from munjang.models.folder import plain_reach, read_json_object
from munjang.models.silence import silence_transformers
from munjang.models.tokenizer import TOKENIZER, open_tokenizer
from munjang.models.weights import check_weights, loading_errors
from munjang.records import Example
from munjang.tasks.base import Batch, Encodings, Outputs, Task, encode_texts
from munjang.translation import _

if TYPE_CHECKING:
    import tokenizers
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from munjang.models.folder import Manifest


def save(folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Write config.json, model.safetensors (fp32), tokenizer.json and its settings.

    The settings name a tokenizer class that transformers 4 knows too, and a length that the network can take.
    """
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    with silence_transformers():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    settings = read_json_object(path)
    if settings.get("tokenizer_class") == "TokenizersBackend":
        settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    reach = plain_reach(model.config.to_dict())
    settings["model_max_length"] = min(int(settings.get("model_max_length", reach)), reach)
    for name in ("is_local", "local_files_only"):  # these describe the folder that the tokenizer was read from
        settings.pop(name, None)
    files.write_json(path, settings)


class NativeRunner:
    """Runs a transformers model on the CPU, or on a GPU if there is one.

    Without padding for known kinds of networks, else padded. Matrix products in `precision`, the rest in fp32.
    """

    unit = "tokens"

    def __init__(
        self, model: Any, tokenizer: tokenizers.Tokenizer, task: Task, max_length: int, precision: str = "fp32"
    ) -> None:
        import torch

        from munjang.encoder.packed import Packed, pack

        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = pack(model.to(self.device).eval())
        self.cast = precision == "bf16" and not isinstance(self.model, Packed)
        if isinstance(self.model, Packed):
            self.model.freeze(torch.bfloat16 if precision == "bf16" else torch.float32)
        self.tokenizer, self.task, self.max_length = tokenizer, task, max_length
        self.pad_id = int(model.config.pad_token_id or 0)

    def encode(self, texts: Sequence[str]) -> Encodings:
        examples = [Example(text) for text in texts]
        return self.task.encode(examples, self.tokenizer, self.max_length, encode=encode_texts)

    def batch(self, encodings: Encodings, indices: np.ndarray) -> Batch:
        return self.task.collate(encodings, indices, self.pad_id)

    def run(self, batch: Batch) -> Outputs:
        import torch

        tensors = {name: torch.from_numpy(array).to(self.device) for name, array in batch.items()}
        with torch.inference_mode(), torch.autocast(self.device.type, torch.bfloat16, enabled=self.cast):
            return self.task.outputs(self.model, tensors)


def load(folder: Path, manifest: Manifest, task: Task, precision: str = "fp32") -> NativeRunner:
    """The runner of a transformers folder; weights from safetensors only, no code from the folder.

    BundleError: something is missing or damaged, or its parts do not fit each other.
    """
    require(_("a model in the native format"), "train", "torch", "transformers")
    model = load_network(folder, task)
    rows = model.get_input_embeddings().num_embeddings
    tokenizer = open_tokenizer(folder / TOKENIZER, rows)
    with loading_errors(folder):
        runner = NativeRunner(model, tokenizer, task, manifest.max_length, precision)
        reach = int(getattr(model.config, "max_position_embeddings", None) or manifest.max_length + 2)
        reach -= family_of(model.config.model_type).padding_positions
        if not 0 <= runner.pad_id < rows:
            raise ValueError(_("{name} is {value!r}", name="pad_token_id", value=runner.pad_id))
    if manifest.max_length > reach:
        raise BundleError(
            _(
                "{folder}: max_length is {max_length}, but the network takes at most {reach} tokens.",
                folder=folder,
                max_length=manifest.max_length,
                reach=reach,
            )
        )
    return runner


def load_network(folder: Path, task: Task) -> Any:
    """The network of a model folder, in fp32. BundleError: it is damaged, or its weights do not fit its config.json."""
    with loading_errors(folder), silence_transformers():
        check_weights(folder)
        return task.open(folder)
