"""The card of a pre-trained model: what it is, every source of its texts with its licence, settings, loss."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from munjang import __version__
from munjang.models.folder import read_json_object
from munjang.pretraining.blocks import read_facts
from munjang.reports.model_card import plain_setting
from munjang.tables import escape_markdown, markdown_table
from munjang.translation import _

if TYPE_CHECKING:
    from munjang.models.backbones import LoadedBackbone
    from munjang.training.loops.job import Job


EARLIER = Path("run") / "texts-before.json"
"""In the folder of a run brought down on other texts: the account and the facts of the texts before them."""


def pretraining_card(
    job: Job, start: LoadedBackbone, settings: Mapping[str, Any], rows: Sequence[Mapping[str, float]]
) -> str:
    """The README.md of a pre-trained model's folder, as Markdown with the hub's front matter.

    settings: of run/settings.json. rows: of the log.
    """
    sections = [
        '---\nlanguage: "ko"\nlicense: "other"\nlibrary_name: "transformers"\npipeline_tag: "fill-mask"\n'
        'tags: ["munjang", "korean", "bert"]\n---',
        f"# A Korean BERT, {job.model.config.num_hidden_layers} layers of {job.model.config.hidden_size}",
        f"Pre-trained with munjang {__version__} by guessing masked words, from {escape_markdown(start.origin)}; "
        f"{job.model.num_parameters() / 1e6:.1f} million parameters, {len(start.tokenizer):,} pieces, texts of up to "
        f"{start.max_length} tokens.",
        "## Use\n\n```sh\nmunjang train CORPUS --backbone MODEL_FOLDER --out RUN_FOLDER\n```\n\n```python\n"
        "from transformers import AutoModelForMaskedLM, AutoTokenizer\n\nmodel = AutoModelForMaskedLM.from_pretrained("
        '"MODEL_FOLDER")\ntokenizer = AutoTokenizer.from_pretrained("MODEL_FOLDER")\n```',
        "## Texts\n\n" + "\n\n".join(text_tables(job.folder, settings)),
        "## Loss\n\n" + losses(job, rows),
        "## Settings\n\n" + setting_table(settings),
        "## Limits\n\n- It knows the language of its texts; the licences of the texts go with the weights.\n"
        f"- Texts of more than {start.max_length} tokens are cut.\n"
        "- Comments and reviews hold insults and prejudice, and so does what is learnt from them.",
    ]
    return "\n\n".join(sections) + "\n"


def text_tables(folder: Path, settings: Mapping[str, Any]) -> list[str]:
    """The sources of a run; of one whose last steps learnt from other texts, those of the steps before them too."""
    own = text_table(**texts_of(folder))
    if not (folder / EARLIER).exists():
        return [own]
    earlier = text_table(**read_json_object(folder / EARLIER))
    first = settings["decay_from"]
    return [f"Steps 1 to {first:,}:", earlier, f"The last {settings['decay_steps']:,} steps:", own]


def texts_of(folder: Path) -> dict[str, Any]:
    """What a run learns from: the account of each source, and the facts of its blocks."""
    accounts = json.loads((folder / "run" / "texts.json").read_text(encoding="utf-8"))
    return {"accounts": accounts, "facts": read_facts(folder / "texts")}


def text_table(accounts: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> str:
    """Every source with its licence, and what was left out."""
    header = ["source", "origin", "licence", "texts", "times a pass", "left out: duplicate", "in an evaluation file"]
    cells = [
        [each["source"], each["origin"] or "-", each["licence"] or "not stated", each["kept"], f"{each['weight']:g}",
         each["duplicates"], each["excluded"]]
        for each in accounts
    ]  # fmt: skip
    train = facts["train"]
    return markdown_table(header, cells) + (
        f"\n\n{train['segments']:,} segments, {train['tokens']:,} tokens, {train['tokens_a_pass']:,} a pass; "
        f"{facts['validation']['segments']:,} segments held out."
    )


def losses(job: Job, rows: Sequence[Mapping[str, float]]) -> str:
    """The last scores on the held-out texts."""
    scored = [row for row in rows if "validation_loss" in row]
    if not scored:
        return f"{job.total_steps:,} steps; not scored on held-out texts."
    last, common = scored[-1], job.task.frequency_loss(job.train, job.validation)
    return (
        f"After {last['step']:,} steps, the first {job.warmup_steps:,} with a rising rate: loss "
        f"{last['validation_loss']:.3f} on held-out texts ({common:.3f} by how common each piece is alone), "
        f"{last['validation_masked_accuracy']:.1%} of the masked pieces guessed right.\n\n![loss](loss.png)"
    )


def setting_table(settings: Mapping[str, Any]) -> str:
    """Every setting of the run."""
    values = dict(settings["config"])
    if "decay_from" in settings:
        values |= {"decay from step": settings["decay_from"], "decay over steps": settings["decay_steps"]}
    excluded = ", ".join(each["name"] for each in settings["data"]["exclude"]) or "none"
    cells = [[name, plain_setting(value)] for name, value in values.items()]
    return markdown_table([_("setting"), _("value")], [*cells, ["texts of these files left out", excluded]])
