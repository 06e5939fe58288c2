"""What came of loading the weights of a network: which it lacks, which it did not take, which are no numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from munjang.errors import BundleError, FetchError
from munjang.translation import _, ngettext

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LEFT_OUT = ("pooler", "position_ids")
"""Parts of the names of an encoder's weights that many folders hold and many networks do not use."""


def check_loaded(
    model: PreTrainedModel,
    loading: Mapping[str, Any],
    source: str | Path,
    *,
    fresh: Sequence[str] = (),
    error: type[BundleError] | type[FetchError] = BundleError,
) -> None:
    """Refuse a network whose weights are not all its own, with an `error`. source: its folder or hub id.

    loading: what transformers says of the loading. fresh: parts of the names of weights that are drawn by lot on
    purpose.
    """
    mismatched = [key if isinstance(key, str) else key[0] for key in loading["mismatched_keys"]]
    lacking = sorted(
        name for name in (*loading["missing_keys"], *mismatched) if not any(part in name for part in fresh)
    )
    if lacking:
        raise error(
            ngettext(
                "{source} does not fit its own config.json: {count} weight is missing or has another shape, {example}.",
                "{source} does not fit its own config.json: {count} weights are missing or have another shape, "
                "such as {example}.",
                len(lacking),
                source=source,
                example=lacking[0],
            )
        )
    encoder = f"{model.base_model_prefix}."
    extra = sorted(
        name
        for name in loading["unexpected_keys"]
        if name.startswith(encoder) and not any(part in name for part in LEFT_OUT)
    )
    if extra:
        raise error(
            ngettext(
                "{source} does not fit its own config.json: {count} weight has no place in the network, {example}.",
                "{source} does not fit its own config.json: {count} weights have no place in the network, "
                "such as {example}.",
                len(extra),
                source=source,
                example=extra[0],
            )
        )
    check_finite(model, source, error)


def check_finite(
    model: PreTrainedModel, source: str | Path, error: type[BundleError] | type[FetchError] = BundleError
) -> None:
    """Refuse a network with weights that are NaN or infinite, with an `error`. source: its folder or hub id."""
    for name, weight in model.named_parameters():
        if not weight.sum().isfinite() and not weight.isfinite().all():  # a sum is quicker, but may overflow
            raise error(
                _(
                    "{source}: its weights {name} are not finite. Copy the model again.",
                    source=source,
                    name=name,
                )
            )
