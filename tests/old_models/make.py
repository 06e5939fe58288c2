"""Makes the folders of tests/old_models and answers.json: `python tests/old_models/make.py`.

It ran once, with munjang 0.1.0, and stands here to say how the folders came about. It need not run with later versions,
and its folders must not be made anew with one: that would make new models of old ones.

Every command is one that a user gives. Only sizes are made smaller from inside, so that all folders together stay
small: networks have two layers of 16, and the heads of parsers 8 and 4 where a real one has 256 and 96. `tidy` then
takes out what no model needs to open.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import unicodedata
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import transformers
from safetensors import safe_open
from typer.testing import CliRunner

import munjang as mj
from munjang import backbones
from munjang.cli import app
from munjang.exporting.run import Limits, export
from munjang.pretraining import run as pretraining
from munjang.tasks.parsing import network as parsing
from munjang.training import loop

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from test_old_models import (  # noqa: E402  beside this folder
    CASES,
    answers_of,
    interrupted_settings,
)

PLAIN = {
    "plain": "배송이 빨라요",
    "negative": "정말 실망했어요 ㅠㅠ",
    "neutral": "생각한 만큼이에요",
    "topic": "서울에서 야구 경기가 열린다",
    "tree": "나는 구름그림을 벽에 걸었다",
    "punctuation": "우리는 비가 와서 집에 있었다. (정말!)",
    "english": "The food was great, thanks",
    "mixed": "iPhone 15 Pro 색상이 예뻐요",
    "jamo": "ㅋㅋㅋㅋㅋㅋ ㅇㅈ ㄹㅇ ㅠㅠ",
    "emoji": "😀👍🏽 👨‍👩‍👧 최고 🇰🇷",
    "empty": "",
    "white": " \t\n\u3000\xa0 ",
    "unseen": "\u200b\u3164\ufeff",
    "spaces": "  값이   싸요 \n 정말\t좋아요  ",
    "html": "&lt;최고&gt;예요<br/>&amp;amp; 별로 &foo;",
    "personal": "연락은 010-0000-0000 또는 me@example.com 으로",
    "digits": "2019년 3월 1,000원",
    "repeats": "좋아요!!!!!!!!! 하하하하 ㅎㅎㅎㅎㅎ",
    "rare": "뷁꿻쀍 漢字 かな",
    "special": "[CLS] [SEP] [MASK] <s>",
    "sign": "=1+1",
    "one": "네",
    "long": "음식이 정말 좋아요. 가격이 적당해요! " * 12,
}
COMPOSES = {
    "nfd": unicodedata.normalize("NFD", "음식이 정말 좋아요"),
    "nfd_part": "한글 " + unicodedata.normalize("NFD", "각") + " 사이",
    "compatibility": "\u1112\u1161\u11ab\uff9e 값이 싸요 ㎏ Ｆｕｌｌ",
}
"""Texts that the composing step of cleaning touches."""
HUGE = {"huge": ("값이 싸요 ", 20_000)}
"""(text, how often): longer than a linear model reads."""
TAGGED = {
    "tree": "나는/NP+JX 구름그림을/NNG+NNG+JKO 벽에/NNG+JKB 걸었다/VV+EP+EF",
    "one": "좋다/VA+EF",
    "unknown": "하늘이/NNG+JKS 매우/XX 푸르다/VA+EF",
    "empty": "",
}

SMALL = ["--set", "batch_size=16", "--set", "precision=fp32", "--set", "device=cpu", "--learning-rate", "1e-2",
         "--no-report", "--log-every", "50", "--set", "eval_every=50"]  # fmt: skip
NETWORK = ["--backbone", "encoder", "--epochs", "30", "--max-length", "32", *SMALL]


def smaller() -> None:
    """Make what is built small, and begin with larger weights than usual, so that all of them matter to the answers."""
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16,
             "max_position_embeddings": 48, "initializer_range": 0.2}  # fmt: skip
    fresh, scratch, plain = pretraining.fresh_config, backbones.scratch_config, parsing.build
    backbones.SCRATCH["tiny"] = (2, 16, 2, 200, 1e-3)

    def small_fresh(*given):
        return changed(fresh(*given), sizes)

    def small_scratch(*given):
        return changed(scratch(*given), sizes)

    def small_head(settings, source, **options):
        own = {"size": 12} if settings["kind"] == "labeling" else {"arc": 8, "relation": 4}
        return plain(settings | own, source, **options)

    pretraining.fresh_config, backbones.scratch_config, parsing.build = small_fresh, small_scratch, small_head


def changed(config: transformers.BertConfig, sizes: dict[str, int]) -> transformers.BertConfig:
    config.update(sizes)
    return config


def munjang(*words: str) -> str:
    """Run a command in this folder; what it prints."""
    done = CliRunner().invoke(app, list(words))
    if done.exit_code:
        raise SystemExit(f"munjang {' '.join(words)}\n{done.output}\n{done.exception!r}")
    return done.output


def train_all() -> None:
    """Every folder but the exported ones."""
    texts = [row.text for name in ("sentences", "topics") for row in mj.read_corpus(f"data/{name}.csv").train]
    Path("texts.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    munjang("pretrain", "texts.txt", "--out", "encoder", "--size", "2x64", "--vocabulary", "200", "--max-length", "48",
            "--batch-tokens", "512", "--steps", "60", "--learning-rate", "3e-3", "--precision", "fp32",
            "--device", "cpu", "--set", "validation_share=0.1", "--set", "log_every=20", "--set",
            "eval_every=20")  # fmt: skip
    sentences, several = "data/sentences.csv", ["data/several.csv", "--multi-label", "|"]
    munjang("train", sentences, "--out", "bert", *NETWORK, "--backbone", "scratch:tiny", "--baseline")
    munjang("train", *several, "--out", "several", *NETWORK, "--epochs", "60", "--mask-personal", "--fold-repeats")
    munjang("train", f"feeling={sentences}", "topic=data/topics.csv", "--out", "heads", *NETWORK)
    munjang("train", sentences, "--out", "linear", "--backbone", "linear", "--no-report")
    munjang("train", *several, "--out", "linear-several", "--backbone", "linear", "--no-report")
    parser = ["--epochs", "300", "--set", "clean.leaks=false", "--validation", "data/trees.tsv", "--test",
              "data/trees.tsv"]  # fmt: skip
    long = ["--backbone", "encoder", *SMALL]
    munjang("train", "data/trees.tsv", "--out", "parser", *long, *parser)
    munjang("train", "data/trees.tsv", "--out", "parser-labeling", *long, *parser, "--parser", "labeling")
    munjang("train", "data/trees.tsv", "--out", "parser-pos", *long, *parser, "--pos")
    universal = [word.replace(".tsv", ".conllu") for word in parser]
    munjang("train", "data/trees.conllu", "--out", "parser-universal", *long, *universal)
    munjang("clean", "data/dirty.csv", "--out", "cleaned", "--mask-personal")


def export_all() -> None:
    """The exported ones; their limits are wider, for networks so narrow lose more in 8 bits."""
    for name in ("bert", "several", "heads", "parser"):
        export(name, "onnx", f"{name}-onnx")
        export(name, "onnx-int8", f"{name}-int8", limits=Limits(agreement=0.8, words=0.6))


def interrupt() -> None:
    """A run that is stopped with Ctrl-C in its second epoch."""
    plain = loop.NativeLoop.train_step

    def stopped(self, indices):
        if self.step == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return plain(self, indices)

    loop.NativeLoop.train_step = stopped
    try:
        mj.train(mj.read_corpus("data/sentences.csv"), interrupted_settings(), out="interrupted")
    except mj.MunjangError as error:
        print(error)
    loop.NativeLoop.train_step = plain


def resumed() -> dict:
    """What the stopped run answers once it has gone on to its end, in a copy."""
    with TemporaryDirectory() as folder:
        for name in ("encoder", "interrupted"):
            shutil.copytree(name, Path(folder, name))
        here = Path.cwd()
        corpus = mj.read_corpus("data/sentences.csv")
        os.chdir(folder)
        try:
            model = mj.train(corpus, interrupted_settings(), out="interrupted", resume=True)
        finally:
            os.chdir(here)
        assert model.manifest.validation["step"] > 6, "what went on must be what is kept"
        return answers_of(model, PLAIN)


def shapes(parser: str) -> dict[str, list[int]]:
    """The shapes of a parser's head where its sizes are the usual ones."""
    with TemporaryDirectory() as folder:
        munjang("train", "data/trees.tsv", "--out", f"{folder}/model", "--backbone", "encoder", "--epochs", "1", *SMALL,
                "--parser", parser)  # fmt: skip
        with safe_open(f"{folder}/model/model.safetensors", "numpy") as file:
            names = [name for name in file.keys() if name.startswith("parser.")]  # noqa: SIM118
            return {name: file.get_slice(name).get_shape() for name in names}


WHOLE = ("bert", "heads", "heads-int8", "linear", "parser")
"""Folders that keep their card and run; of the others one is as good as another."""


def tidy() -> None:
    """Take out what is large and no model needs."""
    for path in [Path("encoder/texts"), *Path().glob("*/run/tokenizer"), *Path().glob("*/run/tensorboard")]:
        shutil.rmtree(path)
    for path in [Path("texts.txt"), *Path().glob("*/loss.png")]:
        path.unlink()
    for folder in {name.partition("/")[0] for name in CASES} - set(WHOLE):
        shutil.rmtree(Path(folder, "run"), ignore_errors=True)
        Path(folder, "README.md").unlink()


def write_answers(found: dict) -> None:
    """answers.json with an answer a line."""
    answers = found.pop("answers")
    head = json.dumps(found, ensure_ascii=False, indent=1).removesuffix("\n}")
    models = []
    for name, own in answers.items():
        lines = [f"   {json.dumps(text)}: {json.dumps(answer, ensure_ascii=False)}" for text, answer in own.items()]
        models.append(f"  {json.dumps(name)}: {{\n" + ",\n".join(lines) + "\n  }")
    text = head + ',\n "answers": {\n' + ",\n".join(models) + "\n }\n}\n"
    assert json.loads(text) == json.loads(json.dumps(found | {"answers": answers}))
    Path("answers.json").write_text(text, encoding="utf-8")


def main() -> None:
    torch.set_num_threads(1)
    os.chdir(HERE)
    for path in Path().iterdir():
        if path.is_dir() and path.name != "data":
            shutil.rmtree(path)
    with TemporaryDirectory() as cache:
        os.environ["MUNJANG_CACHE"] = cache
        build = parsing.build
        smaller()
        train_all()
        export_all()
        interrupt()
        parsing.build = build
        usual = {parser: shapes(parser) for parser in ("biaffine", "labeling")}
        found: dict = {
            "texts": PLAIN, "composes": COMPOSES, "huge": HUGE, "tagged": TAGGED, "answers": {},
            "resumed": resumed(), "head_shapes": usual,
        }  # fmt: skip
    every = PLAIN | COMPOSES
    for name in CASES:
        texts = every | {key: text * times for key, (text, times) in HUGE.items()} if "linear" in name else every
        found["answers"][name] = answers_of(mj.load(name), TAGGED if name == "parser-pos" else texts)
    tidy()
    write_answers(found)


if __name__ == "__main__":
    main()
