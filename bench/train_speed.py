"""How fast a BERT is fine-tuned: the usual recipe, Trainer at its best, and munjang's native loop, side by side.

    python bench/train_speed.py --data-dir DIR [--precision auto|bf16|fp32] [--shapes base,small]
                                [--variants A,B,B2,C] [--rounds 2] [--steps 30]

A  the usual recipe: every text padded to the longest text of the corpus, fp32, transformers.Trainer
B  Trainer at its best: the given precision, dynamic padding, batches of similar length, its fused optimizer
B2 the same, but the C library keeps its memory, as in C
C  munjang's native loop with its default settings

All train a BERT with random weights from a fixed seed and dropout 0.1 on NSMC train sentences, 32 a step. C takes the
960 sentences that B's sampler chooses; A takes others from the same few thousand, because its few steps would not see
all of them. Each runs in its own process, in turn (A B B2 C A B B2 C); the first steps are not timed. Writes
bench/results/train-speed-PRECISION.json, where other shapes stay, and prints the table.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from machine import gemm_peak, machine
from options import bench_parser
from shapes import Shape

import munjang as mj
from munjang.files import write_json
from munjang.tables import format_table, markdown_table

BATCH, SEED = 32, 13
# Steps that are not timed; where a step is short, getting memory and kernels counts more.
WARM_UP = {"base": 2, "small": 30, "tiny": 1}
POOL = (
    BATCH * 4 * 30
)  # with this many sentences Trainer sorts windows of 30 batches, and the timed steps are one window
KEEP = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1), "MALLOC_TOP_PAD_": str(64 * 2**20)}


@dataclass(frozen=True)
class Trained(Shape):
    """A BERT, and the size of its vocabulary."""

    vocabulary: int


SHAPES = {"base": Trained(12, 768, 119_547), "small": Trained(6, 384, 16_000), "tiny": Trained(1, 64, 16_000, gemm=64)}
PIECES = 16_000


def main() -> None:
    parser = bench_parser(__doc__)
    parser.add_argument("--precision", default="auto", choices=("auto", "bf16", "fp32"))
    parser.add_argument("--shapes", default="base,small")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=30, help="timed steps in each round; for A at most 2")
    parser.add_argument("--variants", default="A,B,B2,C")
    parser.add_argument("--worker", nargs=3, metavar=("VARIANT", "SHAPE", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        variant, shape, folder = options.worker
        print(json.dumps(work(variant, shape, Path(folder), options.precision, options.steps)))
        return
    precision = chosen(options.precision)
    path = options.results / f"train-speed-{precision}.json"
    known = json.loads(path.read_text(encoding="utf-8"))["shapes"] if path.exists() else {}
    results: dict[str, Any] = {"machine": machine(), "precision": precision, "shapes": known}
    kind = "bfloat16" if precision == "bf16" else "float32"
    with tempfile.TemporaryDirectory(prefix="train-speed-") as folder:
        results["sentences"] = make_data(Path(folder), options.data_dir, timed_steps(options.steps))
        for shape in options.shapes.split(","):
            variants = [v for v in options.variants.split(",") if v != "A" or shape != "small"]
            runs: dict[str, list[dict[str, Any]]] = {variant: [] for variant in variants}
            for _ in range(options.rounds):
                for variant in variants:
                    runs[variant].append(start(variant, shape, folder, precision, options.steps))
                    if variant == "B":
                        np.save(Path(folder) / "window.npy", runs[variant][-1].pop("seen"))
                    print(shape, variant, f"{runs[variant][-1]['step_s']:.3f} s a step", flush=True)
            peak = gemm_peak(kind, rows=SHAPES[shape].gemm)
            results["shapes"][shape] = {name: summary(rows, SHAPES[shape], peak) for name, rows in runs.items()}
    write_json(path, results)
    columns, rows = table(results["shapes"])
    path.with_suffix(".md").write_text(markdown_table(columns, rows) + "\n", encoding="utf-8")
    print(format_table(columns, rows))


def timed_steps(steps: int) -> dict[str, int]:
    """How many steps of each variant are timed in a round."""
    return {"A": min(2, steps), "B": steps, "B2": steps, "C": steps}


def chosen(precision: str) -> str:
    """The precision that munjang chooses for `auto` on this machine."""
    import torch

    from munjang.training.loops.job import pick_precision

    return pick_precision(replace(mj.TrainConfig(), precision=precision), torch.device("cpu"))


def make_data(folder: Path, data_dir: str | None, steps: dict[str, int]) -> dict[str, Any]:
    """Write the token ids of the training sentences, spread over the largest vocabulary; gives facts about them."""
    from munjang.tasks.classification import Classification
    from munjang.text.vocabulary import train_wordpiece

    corpus = mj.load_corpus("nsmc", data_dir=data_dir)
    tokenizer = train_wordpiece([example.text for example in corpus.train], PIECES)
    encoded = Classification(corpus.labels).encode(corpus.train, tokenizer.backend_tokenizer, 512)
    rng = np.random.default_rng(SEED)
    chosen = rng.permutation(np.flatnonzero(encoded.lengths > 2))[:POOL]
    lengths = encoded.lengths[chosen]
    np.savez(
        folder / "data.npz",
        ids=np.concatenate([encoded.sentence(i) for i in chosen]),
        starts=np.concatenate([[0], np.cumsum(lengths)]),
        labels=encoded.columns["labels"][chosen],
        spread=np.concatenate([[0], 1 + rng.permutation(SHAPES["base"].vocabulary - 1)[: len(tokenizer) - 1]]),
        longest=encoded.lengths.max(),
    )
    return {
        "corpus": "nsmc train",
        "pool": len(chosen),
        "mean_tokens": round(float(lengths.mean()), 2),
        "longest_of_corpus": int(encoded.lengths.max()),
        "batch": BATCH,
        "timed_steps_a_round": steps,
    }


def start(variant: str, shape: str, folder: str, precision: str, steps: int) -> dict[str, Any]:
    """One run of a variant in its own process."""
    command = [sys.executable, __file__, "--precision", precision, "--steps", str(steps)]
    command += ["--worker", variant, shape, folder]
    environment = os.environ | (KEEP if variant == "B2" else {})
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def work(variant: str, shape: str, folder: Path, precision: str, steps: int) -> dict[str, Any]:
    """Train one variant and time it; `start` reads the printed figures."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    from munjang.tasks.base import Encodings

    data = np.load(folder / "data.npz")
    spec = SHAPES[shape]
    ids = data["spread"][data["ids"]] if spec.vocabulary > PIECES else data["ids"]
    encodings = Encodings(
        ids.astype(np.int32), data["starts"], np.zeros(len(data["labels"]), bool), {"labels": data["labels"]}
    )
    torch.manual_seed(SEED)
    config = BertConfig(
        vocab_size=spec.vocabulary,
        hidden_size=spec.width,
        num_hidden_layers=spec.layers,
        num_attention_heads=spec.width // 64,
        intermediate_size=4 * spec.width,
        num_labels=2,
    )
    model = BertForSequenceClassification(config)
    if variant == "C":
        return native(model, part_of(encodings, np.load(folder / "window.npy")), shape, precision)
    longest = int(data["longest"]) if variant == "A" else None
    timed = WARM_UP[shape], timed_steps(steps)[variant]
    return trainer(model, encodings, timed, "fp32" if variant == "A" else precision, longest)


def trainer(model: Any, encodings: Any, steps: tuple[int, int], precision: str, longest: int | None) -> dict[str, Any]:
    """transformers.Trainer over the sentences. steps: untimed, timed. longest: pad all texts to this many tokens."""
    import torch
    from transformers import Trainer, TrainerCallback, TrainingArguments

    from munjang.training.loops.dataset import EncodedDataset

    warm_up, timed = steps
    shapes: list[tuple[int, int, int]] = []

    def collate(items: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        width = longest or max(len(item["input_ids"]) for item in items)
        rows = {
            name: torch.tensor([item[name] + [0] * (width - len(item[name])) for item in items])
            for name in ("input_ids", "attention_mask", "token_type_ids")
        }
        shapes.append((*rows["input_ids"].shape, int(rows["attention_mask"].sum())))
        return rows | {"labels": torch.tensor([item["labels"] for item in items])}

    seen: list[int] = []

    class Noted(EncodedDataset):
        def __getitem__(self, index: int) -> dict:
            seen.append(index)
            return super().__getitem__(index)

    ends: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            ends.append(time.perf_counter())

    settings: dict[str, Any] = {
        "max_steps": warm_up + timed,
        "per_device_train_batch_size": BATCH,
        "learning_rate": 5e-5,
        "weight_decay": 0.01,
        "bf16": precision == "bf16",
        "use_cpu": True,
        "save_strategy": "no",
        "logging_steps": 10_000,
        "seed": SEED,
        "remove_unused_columns": False,
        "disable_tqdm": True,
        "report_to": "none",
    }
    if longest is None:
        settings["train_sampling_strategy"] = "group_by_length"
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(output_dir=folder, **settings)
        Trainer(
            model=model,
            args=arguments,
            train_dataset=Noted(encodings),
            data_collator=collate,
            callbacks=[Clock()],
        ).train()
    first = BATCH * timed * (warm_up // timed)  # the start of the window of the timed steps, within a few sentences
    return {
        "step_s": (ends[-1] - ends[warm_up - 1]) / timed,
        "real_tokens": sum(real for _, _, real in shapes[warm_up : warm_up + timed]) / timed,
        "shapes": [f"{rows}x{width}" for rows, width, _ in shapes[warm_up : warm_up + timed]],
        "seen": seen[first : first + BATCH * timed],
        "settings": {**settings, "optim": str(arguments.optim.value), "padding": longest or "longest of the batch"},
    }


def part_of(encodings: Any, chosen: np.ndarray) -> Any:
    """The encodings of some sentences."""
    lengths = encodings.lengths[chosen]
    return replace(
        encodings,
        ids=np.concatenate([encodings.sentence(i) for i in chosen]),
        starts=np.concatenate([[0], np.cumsum(lengths)]),
        truncated=encodings.truncated[chosen],
        columns={name: column[chosen] for name, column in encodings.columns.items()},
    )


def native(model: Any, encodings: Any, shape: str, precision: str) -> dict[str, Any]:
    """munjang's loop, as `munjang train` runs it, over the same sentences."""
    from munjang.encoder.embedding import compact_embeddings
    from munjang.encoder.memory import kept_memory
    from munjang.records import LabelSet
    from munjang.tasks.classification import Classification
    from munjang.training.loops.job import Job
    from munjang.training.loops.native import NativeLoop

    compaction = compact_embeddings(model, encodings.ids)
    if compaction:
        encodings = replace(encodings, ids=compaction.ids(encodings.ids))
    config = mj.TrainConfig(
        backbone="bench", epochs=1, batch_size=BATCH, learning_rate=5e-5, precision=precision, device="cpu"
    )
    with tempfile.TemporaryDirectory() as folder:
        job = Job(
            Classification(LabelSet(("부정", "긍정"))), model, encodings, encodings, config, Path(folder), pad_id=0
        )
        loop = NativeLoop(job)
        plan = job.plan.epoch(job.lengths, seed=SEED, epoch=0)
        with kept_memory(loop.device):
            for indices in plan[: WARM_UP[shape]]:
                loop.train_step(indices)
            began = time.perf_counter()
            for loop.step, indices in enumerate(plan, 1):
                loop.train_step(indices)
            took = time.perf_counter() - began
    lengths = [job.lengths[indices] for indices in plan]
    return {
        "step_s": took / len(plan),
        "real_tokens": sum(int(part.sum()) for part in lengths) / len(plan),
        "shapes": [f"{len(part)} sentences, {int(part.sum())} tokens" for part in lengths],
        "settings": {"rows of the embedding": model.get_input_embeddings().num_embeddings},
    }


def summary(rows: list[dict[str, Any]], shape: Shape, peak: float) -> dict[str, Any]:
    """Medians over the rounds. FLOP: 6 for every weight of the layers and every real token."""
    step = statistics.median(row["step_s"] for row in rows)
    tokens = statistics.median(row["real_tokens"] for row in rows)
    flops = 6 * shape.weights * tokens / step
    return {
        "step_s": round(step, 4),
        "rounds_s": [round(row["step_s"], 4) for row in rows],
        "real_tokens_a_step": round(tokens, 1),
        "real_tokens_s": round(tokens / step, 1),
        "tflops": round(flops / 1e12, 4),
        "gemm_tflops": round(peak / 1e12, 4),
        "share_of_gemm_peak": round(flops / peak, 3),
        "settings": rows[0]["settings"],
        "batches": rows[0]["shapes"],
    }


def table(shapes: dict[str, dict[str, Any]]) -> tuple[list[str], list[list[object]]]:
    """A line for each variant; the ratios are of real tokens per second, to A and to B."""
    columns = ["shape", "variant", "s a step", "tokens/s", "times A", "times B", "TFLOP/s", "of GEMM peak"]
    rows: list[list[object]] = []
    for shape, variants in shapes.items():
        for name, row in variants.items():
            against = [
                f"{row['real_tokens_s'] / variants[other]['real_tokens_s']:.2f}" if other in variants else ""
                for other in ("A", "B")
            ]
            share = f"{100 * row['share_of_gemm_peak']:.0f}%"
            rows.append([shape, name, row["step_s"], row["real_tokens_s"], *against, row["tflops"], share])
    return columns, rows


if __name__ == "__main__":
    main()
