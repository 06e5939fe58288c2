"""The weights of a transformers folder, compared with its config.json before a network is built.

A network is built as large as its config.json says, and weights that the file lacks are drawn by lot. So a small folder
could ask for any amount of memory, and a wrong one would predict by lot. Shapes stand at the beginning of the files.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from munjang.encoder.families import Family, family_of
from munjang.errors import BundleError
from munjang.files import fault_in_file, first_line, open_regular
from munjang.models.folder import MOST_LABELS, is_json_number, is_plain_name, read_json_object
from munjang.translation import _

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
HIGHEST = 1 << 20  # of a number in config.json that is no size of a tensor
MOST_HEADER = 10_000_000  # bytes
ATTENTION = ("eager", "sdpa")
SPARE = 10_000_000  # weights that a network of an unknown family may have more than its file, such as a pooler
WeightShapes = dict[str, tuple[int, ...]]


def check_weights(folder: Path) -> None:
    """Refuse a folder whose weights are not those of the network in its config.json. BundleError.

    Folders without safetensors pass: opening them fails, or takes nothing from them.
    """
    path = folder / "config.json"
    shapes = tensor_shapes(folder)
    if not path.exists() or not shapes:
        return
    raw = read_json_object(path)
    if "transformers_weights" in raw:
        raise BundleError(_("{path} names other files of weights. Copy the model again.", path=path))
    check_plain(raw, path)
    check_sizes_in(raw, path, len(shapes))
    from transformers import AutoConfig

    with loading_errors(folder):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        family = family_of(config.model_type)
        if family.weights is None:
            check_total(config, shapes, folder)
        else:
            check_shapes(config, family, shapes, folder)


def check_shapes(config: Any, family: Family, shapes: WeightShapes, folder: Path) -> None:
    """Refuse weights of a known family that are not as large or as many as its config says. BundleError."""
    assert family.weights is not None  # the others have no names to compare
    found = {name.removeprefix(f"{family.encoder}."): shape for name, shape in shapes.items()}
    wrong = {name: shape for name, shape in expected_shapes(config, family).items() if found.get(name) != shape}
    if wrong:
        name, shape = next(iter(wrong.items()))
        raise BundleError(
            _(
                "{folder} does not fit its own config.json: {name} is {found}, expected {expected}. "
                "Copy the model again.",
                folder=folder,
                name=name,
                found=found.get(name) or _("missing"),
                expected=shape,
            )
        )
    layers = {name.split(".")[2] for name in found if name.startswith(f"{family.weights.layers}.")}
    if len(layers) != config.num_hidden_layers:
        raise BundleError(
            _(
                "{folder} does not fit its own config.json: it has {found} layers, expected {expected}. "
                "Copy the model again.",
                folder=folder,
                found=len(layers),
                expected=config.num_hidden_layers,
            )
        )


@contextmanager
def loading_errors(folder: Path) -> Iterator[None]:
    """Turn what other libraries raise for a damaged folder into a BundleError."""
    try:
        yield
    except BundleError:
        raise
    except Exception as error:  # transformers, safetensors and torch raise errors of many kinds
        raise BundleError(
            _("{folder} cannot be loaded: {reason}", folder=folder, reason=fault_in_file(error))
        ) from error


def tensor_shapes(folder: Path) -> WeightShapes:
    """The shapes of all tensors in the safetensors files of a folder, by their names. BundleError: a damaged file."""
    from safetensors import SafetensorError, safe_open

    names = [WEIGHTS]
    if not (folder / WEIGHTS).exists():
        parts = read_json_object(folder / INDEX).get("weight_map") if (folder / INDEX).exists() else {}
        names = sorted({str(part) for part in parts.values()}) if isinstance(parts, dict) else []
        if outside := next((name for name in names if not is_plain_name(name)), None):
            raise BundleError(
                _("{manifest} names a file outside its folder: {name!r}.", manifest=folder / INDEX, name=outside)
            )
    shapes: WeightShapes = {}
    for name in names:
        try:
            check_header(folder / name)
            with safe_open(folder / name, framework="numpy") as file:
                shapes |= {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
        except (OSError, ValueError, SafetensorError) as error:
            raise BundleError(
                _("{path} cannot be loaded: {reason}.", path=folder / name, reason=first_line(error))
            ) from error
    return shapes


def check_plain(config: Mapping[str, Any], path: Path) -> None:
    """Refuse a config that asks for code, for outputs without names, or for weights of another kind, to be fetched.

    BundleError.
    """
    for key, value in items_in(config):
        attention = key.endswith("attn_implementation") and value not in (None, *ATTENTION)
        if attention or (key == "quantization_config" and value) or (key == "return_dict" and value is not True):
            raise BundleError(
                _(
                    "{path} has {name} as {value!r:.80}; munjang opens plain weights and its own attention only. Save "
                    "the model without it.",
                    path=path,
                    name=key,
                    value=value,
                )
            )


def items_in(value: Any) -> Iterator[tuple[str, Any]]:
    """(key, value) of every object in JSON values, however deep."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield str(name), part
            yield from items_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from items_in(part)


def check_header(path: Path) -> None:
    """Refuse a safetensors file whose list of tensors is longer than that of any model. ValueError, OSError."""
    with open_regular(path) as file:
        size = int.from_bytes(file.read(8), "little")
    if size > MOST_HEADER:
        raise ValueError(_("its list of tensors has {size:,} bytes, more than {most:,}", size=size, most=MOST_HEADER))


def check_sizes_in(config: Mapping[str, Any], path: Path, tensors: int) -> None:
    """Refuse a config whose numbers are beyond any network. BundleError. tensors: how many the weights are."""
    for key, value in numbers_in(config):
        most, least = HIGHEST, 1 if key.endswith("_heads") else -HIGHEST
        if "layer" in key or "group" in key:
            most = tensors
        elif key == "num_labels":
            most = MOST_LABELS
        elif key.endswith(("_id", "_ids", "theta")):
            most = 1 << 40
        if not least <= value <= most:  # false for NaN
            raise BundleError(
                _("{path} is damaged: {reason}.", path=path, reason=_("{name} is {value!r}", name=key, value=value))
            )


def numbers_in(value: Any, key: str = "") -> Iterator[tuple[str, float]]:
    """(key, number) of every number in JSON values, however deep."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from numbers_in(part, str(name))
    elif isinstance(value, list):
        for part in value:
            yield from numbers_in(part, key)
    elif is_json_number(value):
        yield key, value


def expected_shapes(config: Any, family: Family) -> WeightShapes:
    """The shapes of the weights that all others are made after, without the name of the encoder."""
    assert family.weights is not None  # families without it are checked as a whole
    width = config.hidden_size
    inner = getattr(config, "hidden_dim", None) or config.intermediate_size
    letters = getattr(config, "embedding_size", None) or width
    shapes: WeightShapes = {
        "embeddings.word_embeddings.weight": (config.vocab_size, letters),
        "embeddings.position_embeddings.weight": (config.max_position_embeddings, letters),
    }
    if hasattr(config, "type_vocab_size"):
        shapes["embeddings.token_type_embeddings.weight"] = (config.type_vocab_size, letters)
    for number in range(config.num_hidden_layers):
        layer = f"{family.weights.layers}.{number}"
        shapes[f"{layer}.{family.weights.layer[0]}.weight"] = (width, width)
        shapes[f"{layer}.{family.weights.layer[4]}.weight"] = (inner, width)
    return shapes


def check_total(config: Any, shapes: WeightShapes, folder: Path) -> None:
    """Refuse a config of a family without names whose network is larger than the weights. BundleError."""
    import torch
    from transformers import AutoModel

    with torch.device("meta"):
        network = AutoModel.from_config(config)
    wanted = sum(weight.numel() for weight in [*network.parameters(), *network.buffers()])
    if wanted > sum(map(math.prod, shapes.values())) + SPARE:
        raise BundleError(
            _(
                "{folder} does not fit its own config.json: it lacks weights of the network. Copy the model again.",
                folder=folder,
            )
        )
