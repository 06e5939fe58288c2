"""The card of a pre-trained model: what it is, the sources of its texts with their licences, settings, loss."""

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
from munjang.translation import _, ngettext

if TYPE_CHECKING:
    from munjang.models.backbones import LoadedBackbone
    from munjang.training.loops.job import Job


EARLIER = Path("run") / "texts-before.json"
"""In the folder of a decay on other texts: the statistics and the facts of the earlier texts."""

USAGE = """```sh
munjang train CORPUS --backbone MODEL_FOLDER --out RUN_FOLDER
```

```python
from transformers import AutoModelForMaskedLM, AutoTokenizer

model = AutoModelForMaskedLM.from_pretrained("MODEL_FOLDER")
tokenizer = AutoTokenizer.from_pretrained("MODEL_FOLDER")
```"""


def pretraining_card(
    job: Job, backbone: LoadedBackbone, settings: Mapping[str, Any], rows: Sequence[Mapping[str, float]]
) -> str:
    """The README.md of a pre-trained model's folder, as Markdown with the hub's front matter.

    settings: from run/settings.json. rows: from the log.
    """
    sections = [
        '---\nlanguage: "ko"\nlicense: "other"\nlibrary_name: "transformers"\npipeline_tag: "fill-mask"\n'
        'tags: ["munjang", "korean", "bert"]\n---',
        "# "
        + _(
            "A Korean BERT, {layers} layers of {width}",
            layers=job.model.config.num_hidden_layers,
            width=job.model.config.hidden_size,
        ),
        _(
            "Pre-trained with munjang {version} by predicting masked words, from {origin}; {parameters:.1f} million "
            "parameters, {pieces:,} pieces, texts of up to {length} tokens.",
            version=__version__,
            origin=escape_markdown(backbone.origin),
            parameters=job.model.num_parameters() / 1e6,
            pieces=len(backbone.tokenizer),
            length=backbone.max_length,
        ),
        f"## {_('Use')}\n\n{USAGE}",
        f"## {_('Texts')}\n\n" + "\n\n".join(text_tables(job.folder, settings)),
        f"## {_('Loss')}\n\n" + losses(job, rows),
        f"## {_('Settings')}\n\n" + setting_table(settings),
        f"## {_('Limits')}\n\n" + limits(backbone),
    ]
    return "\n\n".join(sections) + "\n"


def limits(backbone: LoadedBackbone) -> str:
    """What to know before using the model, as a list."""
    items = [
        _("It knows the language of its texts; the licences of the texts apply to the weights."),
        _("Texts of more than {length} tokens are cut.", length=backbone.max_length),
        _("Comments and reviews contain insults and prejudice, and so does what the model has learnt from them."),
    ]
    return "\n".join(f"- {item}" for item in items)


def text_tables(folder: Path, settings: Mapping[str, Any]) -> list[str]:
    """The sources of a run. If its last steps used other texts, the sources of the steps before them too."""
    table = text_table(**texts_of(folder))
    if not (folder / EARLIER).exists():
        return [table]
    earlier = text_table(**read_json_object(folder / EARLIER))
    first = _("Steps 1 to {last:,}:", last=settings["decay_from"])
    steps = settings["decay_steps"]
    return [first, earlier, ngettext("The last {count:,} step:", "The last {count:,} steps:", steps), table]


def texts_of(folder: Path) -> dict[str, Any]:
    """What a run learns from: the statistics of each source ("accounts"), and the facts of its blocks."""
    accounts = json.loads((folder / "run" / "texts.json").read_text(encoding="utf-8"))
    return {"accounts": accounts, "facts": read_facts(folder / "texts")}


def text_table(accounts: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]) -> str:
    """Every source with its licence and the numbers of texts left out; under it the size. accounts: of SourceStats."""
    header = [_("source"), _("origin"), _("licence"), _("texts"), _("times per pass"), _("left out: duplicate"),
              _("left out: in an evaluation file")]  # fmt: skip
    cells = [
        [stats["source"], stats["origin"] or "-", stats["licence"] or _("not stated"), stats["kept"],
         f"{stats['weight']:g}", stats["duplicates"], stats["excluded"]]
        for stats in accounts
    ]  # fmt: skip
    train = facts["train"]
    size = _(
        "{segments:,} segments, {tokens:,} tokens, {tokens_per_pass:,} per pass; {held_out:,} segments held out.",
        segments=train["segments"],
        tokens=train["tokens"],
        tokens_per_pass=train["tokens_a_pass"],
        held_out=facts["validation"]["segments"],
    )
    return f"{markdown_table(header, cells)}\n\n{size}"


def losses(job: Job, rows: Sequence[Mapping[str, float]]) -> str:
    """The last scores on the held-out texts."""
    scored = [row for row in rows if "validation_loss" in row]
    if not scored:
        return _("{steps:,} steps; not scored on held-out texts.", steps=job.total_steps)
    last = scored[-1]
    scores = _(
        "After {steps:,} steps, the first {warmup:,} with a rising rate: loss {loss:.3f} on held-out texts "
        "({baseline:.3f} from the frequency of each piece alone), {accuracy:.1%} of the masked pieces predicted "
        "correctly.",
        steps=last["step"],
        warmup=job.warmup_steps,
        loss=last["validation_loss"],
        baseline=job.task.frequency_loss(job.train, job.validation),
        accuracy=last["validation_masked_accuracy"],
    )
    return f"{scores}\n\n![{_('loss')}](loss.png)"


def setting_table(settings: Mapping[str, Any]) -> str:
    """Every setting of the run."""
    values = dict(settings["config"])
    if "decay_from" in settings:
        values |= {_("decay from step"): settings["decay_from"], _("decay over steps"): settings["decay_steps"]}
    excluded = ", ".join(file["name"] for file in settings["data"]["exclude"]) or _("none")
    cells = [[name, plain_setting(value)] for name, value in values.items()]
    return markdown_table([_("setting"), _("value")], [*cells, [_("texts of these files left out"), excluded]])
