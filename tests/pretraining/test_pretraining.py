"""Pre-training: reading texts, drawing masks, resuming killed runs, a folder that other tools can open."""

import gzip
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from training_fixtures import TINY_PRETRAINING as TINY

from munjang.config.settings import PretrainConfig
from munjang.data.corpora.table import load_corpus
from munjang.encoder import packed
from munjang.errors import BundleError, ConfigError, DataError
from munjang.models.backbones import load_backbone, load_tokenizer
from munjang.pretraining.blocks import cut_positions, open_blocks, segmented
from munjang.pretraining.decay import decay
from munjang.pretraining.run import pretrain
from munjang.pretraining.texts import Texts, TextSource, clean_texts, copies, evaluation_keys, lines_of, parse_source
from munjang.tasks.base import Encodings
from munjang.tasks.masked_lm import MaskedWords, MaskingVocabulary
from munjang.text.ngrams import chunks
from munjang.text.vocabulary import train_wordpiece
from munjang.training.loops.batching import TokenSampler
from munjang.training.loops.interrupts import TimeIsUp
from munjang.training.loops.job import default_warmup
from munjang.training.loops.run_log import read_log

TESTS = Path(__file__).parents[1] / "support"
STEPS = ("nfc", "invisible", "html", "spaces")


def sentences() -> list[str]:
    """The train sentences of the sample corpora."""
    return [e.text for name in ("sentiment", "topic", "intent") for e in load_corpus(f"sample:{name}").train]


@pytest.fixture(scope="module")
def texts(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "texts.txt"
    path.write_text("\n".join(sentences()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def done(texts, tmp_path_factory) -> Path:
    """A finished run."""
    torch.set_num_threads(1)
    return pretrain([TextSource(str(texts))], PretrainConfig(**TINY), out=tmp_path_factory.mktemp("run") / "model")


def test_a_tiny_bert_lowers_its_loss_on_the_sample_sentences(done):
    losses = [row["loss"] for row in read_log(done / "run" / "log.jsonl") if "loss" in row]
    assert losses[0] > 7.1 and losses[-1] < losses[0] - 0.4, losses
    scores = [row for row in read_log(done / "run" / "log.jsonl") if "validation_loss" in row]
    assert [row["step"] for row in scores] == [30, 60]
    assert scores[1]["validation_loss"] < scores[0]["validation_loss"]


def test_the_folder_opens_in_transformers_and_as_a_backbone(done):
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    from munjang.records import LabelSet
    from munjang.tasks import make_task

    model, loading = AutoModelForMaskedLM.from_pretrained(done, output_loading_info=True)
    assert type(model).__name__ == "BertForMaskedLM"
    assert not loading["missing_keys"] and not loading["unexpected_keys"]
    text = "영화 개재밌어 ㅋㅋㅋㅋㅋ 2019년"
    backbone = load_backbone(str(done))
    tokenizer = AutoTokenizer.from_pretrained(done)
    assert tokenizer(text).input_ids == backbone.tokenizer(text).input_ids
    assert len(tokenizer(text * 9, truncation=True).input_ids) == 32  # as far as the network's positions reach
    written = json.loads((done / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert written["tokenizer_class"] == "PreTrainedTokenizerFast"  # known to transformers 4 as well
    classifier = backbone.build(make_task("classification", LabelSet(("부정", "긍정"))), seed=13, dropout=None)
    learnt = model.bert.encoder.layer[0].attention.self.query.weight
    assert torch.equal(classifier.bert.encoder.layer[0].attention.self.query.weight, learnt)
    assert backbone.max_length == 32
    card = (done / "README.md").read_text(encoding="utf-8")
    assert "texts.txt" in card and "After 60 steps, the first 15 with a rising rate: loss" in card
    assert (done / "loss.png").stat().st_size > 5_000
    assert {oct(path.stat().st_mode & 0o777) for path in done.iterdir() if path.is_file()} == {"0o644"}
    assert list((done / "run" / "tensorboard").iterdir())


def test_continuing_from_a_model_starts_with_its_knowledge(done, texts, tmp_path):
    fresh = read_log(done / "run" / "log.jsonl")[0]["loss"]
    config = PretrainConfig(**{**TINY, "steps": 5, "init": str(done), "learning_rate": 1e-5})
    run = pretrain([TextSource(str(texts))], config, out=tmp_path / "more")
    assert read_log(run / "run" / "log.jsonl")[0]["loss"] < fresh - 0.3


def test_a_collapsed_network_is_told_from_one_that_learns(texts, tmp_path, caplog):
    message = "learnt little more than the frequency of each piece"
    pretrain([TextSource(str(texts))], PretrainConfig(**{**TINY, "learning_rate": 0.3}), out=tmp_path / "collapsed")
    assert message in caplog.text
    caplog.clear()
    regular = tmp_path / "regular.txt"
    colours = ("빨간", "파란", "하얀", "검은", "노란")
    lines = [f"{a} 모자 {b} 신발 {a} 모자 {c} 장갑 {b} 신발" for a in colours for b in colours for c in colours]
    regular.write_text("\n".join(lines), encoding="utf-8")
    pretrain([TextSource(str(regular))], PretrainConfig(**TINY), out=tmp_path / "learns")
    assert message not in caplog.text


def test_the_loss_of_predicting_by_frequency():
    fixed = np.array([True, False, False, False])
    task = MaskedWords(MaskingVocabulary(np.zeros(4, bool), fixed, np.array([1, 2, 3]), 0))
    train = Encodings(np.array([0, 1, 1, 2], np.uint16), np.array([0, 4]), np.zeros(1, bool))
    held_out = Encodings(np.array([0, 1, 3], np.uint16), np.array([0, 3]), np.zeros(1, bool))
    # pieces 1, 2, 3 come 2, 1 and 0 times, and once more each: 3, 2 and 1 of 6
    assert task.frequency_loss(train, held_out) == pytest.approx(-(np.log(3 / 6) + np.log(1 / 6)) / 2)


def test_a_warm_up_that_is_not_named_is_long_enough_and_not_too_long():
    assert [default_warmup(steps) for steps in (10, 200, 1000, 4000, 20_000)] == [2, 50, 100, 250, 500]


def start_process(texts: Path, out: Path, *more: str) -> subprocess.CompletedProcess:
    """`python pretrain_run.py` in a process of its own."""
    words = [sys.executable, str(TESTS / "pretrain_run.py"), str(texts), str(out), *more]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(TESTS)}
    return subprocess.run(words, env=environment, capture_output=True, text=True)


def test_a_run_that_is_killed_and_goes_on_ends_with_the_same_weights(done, texts, tmp_path):
    killed = start_process(texts, tmp_path / "model", "47")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    torch.set_num_threads(1)
    run = pretrain([TextSource(str(texts))], PretrainConfig(**TINY), out=tmp_path / "model", resume=True)
    from safetensors.torch import load_file

    assert (run / "run" / "log.jsonl").read_text().count("\n") == (done / "run" / "log.jsonl").read_text().count("\n")
    first, second = load_file(done / "model.safetensors"), load_file(run / "model.safetensors")
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_time_limit_stops_with_a_checkpoint_and_constant_runs_can_be_decayed(texts, tmp_path):
    torch.set_num_threads(1)
    config = PretrainConfig(**{**TINY, "schedule": "constant", "warmup": 2, "steps": 1000})
    with pytest.raises(TimeIsUp, match=r"step 1 of 1000.*resume=True"):
        pretrain([TextSource(str(texts))], config, out=tmp_path / "trunk", minutes=1e-9)
    run = decay(tmp_path / "trunk", out=tmp_path / "model", steps=10)
    rows = [row for row in read_log(run / "run" / "log.jsonl") if "learning_rate" in row]
    assert [row["step"] for row in rows] == [5, 10, 11]
    assert [round(row["learning_rate"] / 3e-3, 3) for row in rows] == [0.7, 0.2, 0.1]
    load_backbone(str(run))
    with pytest.raises(TimeIsUp, match="step 2 of 1000"):
        pretrain([TextSource(str(texts))], config, out=tmp_path / "trunk", minutes=1e-9, resume=True)
    as_it_is = decay(tmp_path / "trunk", out=tmp_path / "plain", steps=0)
    assert (as_it_is / "model.safetensors").exists()


@pytest.fixture
def trunk(texts, tmp_path) -> Path:
    """A run of constant rate that was stopped after its first step."""
    torch.set_num_threads(1)
    config = PretrainConfig(**{**TINY, "schedule": "constant", "warmup": 2, "steps": 1000})
    with pytest.raises(TimeIsUp):
        pretrain([TextSource(str(texts))], config, out=tmp_path / "trunk", minutes=1e-9)
    return tmp_path / "trunk"


def test_a_decay_keeps_no_checkpoints_and_logs_its_own_steps(trunk, tmp_path, caplog):
    caplog.set_level("INFO", logger="munjang")
    folder = decay(trunk, out=tmp_path / "model", steps=2)
    assert not (folder / "checkpoints").exists() and (trunk / "checkpoints").exists()
    assert " 3 steps in all" in caplog.text and "1,000 steps in all" not in caplog.text


def test_a_decay_never_deletes_the_run_or_another_model_for_nothing(trunk, tmp_path):
    with pytest.raises(ConfigError, match="overlap"):
        decay(trunk, out=trunk, steps=2, overwrite=True)
    assert (trunk / "checkpoints").exists()
    folder = decay(trunk, out=tmp_path / "model", steps=1)
    with pytest.raises(ConfigError, match="not a pre-training run"):
        decay(tmp_path, out=folder, steps=1, overwrite=True)
    assert (folder / "model.safetensors").exists()


def test_texts_and_the_model_to_begin_with_are_never_overwritten(done, tmp_path):
    inside = tmp_path / "mine" / "texts.txt"
    inside.parent.mkdir()
    inside.write_text("\n".join(sentences()), encoding="utf-8")
    (tmp_path / "mine" / "run").mkdir()
    (tmp_path / "mine" / "run" / "settings.json").write_text("{}")
    with pytest.raises(ConfigError, match="overlap"):
        pretrain([TextSource(str(inside))], PretrainConfig(**TINY), out=inside.parent, overwrite=True)
    assert inside.exists()
    config = PretrainConfig(**{**TINY, "init": str(done)})
    with pytest.raises(ConfigError, match="overlap"):
        pretrain([TextSource(str(inside))], config, out=done, overwrite=True)
    assert (done / "model.safetensors").exists()


@pytest.mark.parametrize("at", ["texts", "tokenizer", "log.jsonl", ".checkpoints"])
def test_a_decay_goes_on_after_a_kill_while_copying(trunk, tmp_path, monkeypatch, at):
    import shutil

    from munjang.pretraining import decay as branch

    class Killed(BaseException):
        pass

    def killing(plain):
        def copy(source, target, **how):
            if any(part.startswith(at) for part in Path(target).relative_to(tmp_path / "model").parts):
                raise Killed
            return plain(source, target, **how)

        return copy

    with monkeypatch.context() as patch:
        patch.setattr(branch.shutil, "copytree", killing(shutil.copytree))
        patch.setattr(branch.shutil, "copyfile", killing(shutil.copyfile))
        with pytest.raises(Killed):
            decay(trunk, out=tmp_path / "model", steps=1)
    shutil.copytree(tmp_path / "model", tmp_path / "again")
    assert (decay(trunk, out=tmp_path / "model", steps=1) / "model.safetensors").exists()
    assert (decay(trunk, out=tmp_path / "again", steps=1, resume=True) / "model.safetensors").exists()


def test_resuming_another_decay_is_refused(trunk, done, tmp_path):
    import shutil

    folder = decay(trunk, out=tmp_path / "model", steps=1)
    assert decay(trunk, out=folder, steps=1, resume=True) == folder
    with pytest.raises(ConfigError, match=r"decay=\S+/trunk., steps=1, not \S+/trunk and 2"):
        decay(trunk, out=folder, steps=2, resume=True)
    shutil.copytree(trunk, tmp_path / "other")
    with pytest.raises(ConfigError, match=r"decay=\S+/trunk., steps=1, not \S+/other"):
        decay(tmp_path / "other", out=folder, steps=1, resume=True)
    with pytest.raises(ConfigError, match="not the decay of a run"):
        decay(trunk, out=done, steps=1, resume=True)


def test_the_last_steps_can_learn_from_other_texts_in_the_vocabulary_of_the_run(trunk, texts, tmp_path):
    comments = tmp_path / "comments.txt"
    comments.write_text("\n".join(sentences()[:100]), encoding="utf-8")
    folder = decay(trunk, out=tmp_path / "model", steps=2, sources=[TextSource(str(comments), weight=2, licence="CC0")])
    card = (folder / "README.md").read_text(encoding="utf-8")
    before, after = card.index("/texts.txt"), card.index("comments.txt")
    assert card.index("Steps 1 to") < before < card.index("The last 2 steps:") < after < card.index("CC0")
    vocabulary = [json.loads((run / "run" / "tokenizer" / "tokenizer.json").read_text()) for run in (trunk, folder)]
    assert vocabulary[0] == vocabulary[1]
    with pytest.raises(ConfigError, match="started with other texts"):
        decay(trunk, out=folder, steps=2, resume=True)


def test_the_last_steps_hold_out_what_the_run_held_out(texts, tmp_path, monkeypatch):
    torch.set_num_threads(1)
    monkeypatch.setattr("munjang.pretraining.blocks.MOST_HELD_OUT", 50)
    config = PretrainConfig(**{**TINY, "schedule": "constant", "warmup": 2, "steps": 1000})
    with pytest.raises(TimeIsUp):
        pretrain([TextSource(str(texts))], config, out=tmp_path / "trunk", minutes=1e-9)
    half = tmp_path / "half.txt"
    half.write_text("\n".join(sentences()[::2]), encoding="utf-8")
    decay(tmp_path / "trunk", out=tmp_path / "model", steps=1, sources=[TextSource(str(half))])
    held_out = []
    for name in ("model", "trunk"):
        encodings, _ = open_blocks(tmp_path / name / "texts", "validation")
        held_out.append({encodings.sentence(i).tobytes() for i in range(len(encodings))})
    assert 5 < len(held_out[0]) < len(held_out[1]) and held_out[0] < held_out[1]


def test_the_last_steps_leave_out_what_the_run_left_out(texts, tmp_path):
    torch.set_num_threads(1)
    config = PretrainConfig(**{**TINY, "schedule": "constant", "warmup": 2, "steps": 1000})
    unseen = tmp_path / "test.txt"
    unseen.write_text("\n".join(sentences()[:5]), encoding="utf-8")
    with pytest.raises(TimeIsUp):
        pretrain([TextSource(str(texts))], config, out=tmp_path / "trunk", exclude=[unseen], minutes=1e-9)
    with pytest.raises(ConfigError, match=r"left out the texts of \S+/test.txt"):
        decay(tmp_path / "trunk", out=tmp_path / "model", steps=1, sources=[TextSource(str(texts))])
    assert not (tmp_path / "model" / "model.safetensors").exists()
    how = {"sources": [TextSource(str(texts))], "exclude": [unseen]}
    folder = decay(tmp_path / "trunk", out=tmp_path / "model", steps=1, overwrite=True, **how)
    assert json.loads((folder / "run" / "texts.json").read_text())[0]["excluded"] == 5


def test_several_processes_decay_a_run_together(trunk, tmp_path):
    code = (
        "from munjang.pretraining import decay; import os, time; from unittest import mock; plain = decay.branch_off\n"
        "def slow(*given): time.sleep(1); plain(*given)\n"
        "only = mock.patch.object(decay, 'run_and_save', lambda job, start, settings: print(settings['decay_from']))\n"
        "with mock.patch.object(decay, 'branch_off', slow), only:\n"
        f"    decay.decay({str(trunk)!r}, out={str(tmp_path / 'm')!r}, steps=2)\n"
    )
    (tmp_path / "code.py").write_text(code)
    words = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node=2",
        str(tmp_path / "code.py"),
    ]
    ended = subprocess.run(words, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[:3000]
    assert ended.stdout.count("1") == 2, ended.stdout


def test_a_full_disk_while_saving_is_reported(trunk, tmp_path, monkeypatch):
    from safetensors import SafetensorError

    from munjang.inference.backends import native

    def full(*_):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(native, "save", full)
    with pytest.raises(BundleError, match=r"model could not be written.*resume=True"):
        decay(trunk, out=tmp_path / "model", steps=1)
    monkeypatch.undo()
    assert (decay(trunk, out=tmp_path / "model", steps=1, resume=True) / "model.safetensors").exists()


def test_a_decay_takes_no_other_settings(trunk, tmp_path):
    from typer.testing import CliRunner

    from munjang.cli import app

    words = ["pretrain", "--decay", str(trunk), "--out", str(tmp_path / "m"), "--steps", "1"]
    for more in (["--learning-rate", "1"], ["--set", "seed=3"], ["--exclude", "x"]):  # --exclude without texts
        assert isinstance(CliRunner().invoke(app, [*words, *more]).exception, ConfigError | SystemExit)
        assert not (tmp_path / "m").exists()


LINES = "".join(f"{i} 눈 오는 날 맑은 하늘 {i * i % 97}\n" for i in range(3000)).encode()


def pack(kind: str) -> bytes:
    import zstandard

    if kind == "gz":
        return gzip.compress(LINES)
    frame = zstandard.ZstdCompressor(write_checksum=True).compress(LINES)
    return frame + zstandard.ZstdCompressor().compress(LINES[: LINES.index(b"200 ")]) if kind == "zst" else frame


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_a_compressed_file_that_is_cut_anywhere_is_refused(tmp_path, kind):
    whole = pack(kind)
    path = tmp_path / f"x.{kind}"
    path.write_bytes(whole)
    assert list(lines_of(path))[2999] == LINES.decode().split("\n")[2999]
    for left in (5, 9, len(whole) // 3, len(whole) // 2, len(whole) - 30, len(whole) - 1):
        path.write_bytes(whole[:left])
        with pytest.raises(DataError, match=rf"x\.{kind} is a damaged or cut packed file"):
            list(lines_of(path))


@pytest.mark.parametrize("kind", ["gz", "zst with a checksum"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_changed_bytes_in_a_compressed_file_are_damage_and_not_another_encoding(tmp_path, kind, share):
    data = bytearray(pack(kind))
    start = int(len(data) * share)
    data[start : start + 40] = bytes(byte ^ 0x55 for byte in data[start : start + 40])
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(DataError, match="x is a damaged or cut packed file"):
        list(lines_of(tmp_path / "x"))


def test_a_compressed_file_in_another_encoding_is_reported_as_not_utf8(tmp_path):
    (tmp_path / "x.gz").write_bytes(gzip.compress("눈 오는 날\n".encode("cp949")))
    with pytest.raises(DataError, match=r"x\.gz, line 1: not utf-8: .* it reads as cp949\. Convert"):
        list(lines_of(tmp_path / "x.gz"))


def test_ids_are_small_from_the_start(pieces):
    texts = Texts(["눈 오는 날"], [0], [1.0])
    [(_, _, segments)] = list(segmented(texts, pieces[2], 32))
    assert [segment.dtype for segment in segments] == [np.uint16]


def test_long_texts_are_not_all_tokenised_at_once(pieces, monkeypatch):
    texts = Texts(sentences()[:60], [0] * 60, [1.0])
    together = list(segmented(texts, pieces[2], 32))
    monkeypatch.setattr("munjang.pretraining.blocks.TOKENIZER_CHARACTERS", 100)
    parts = []
    monkeypatch.setattr(
        "munjang.pretraining.blocks.chunks", lambda *given: (parts.append(part) or part for part in chunks(*given))
    )
    apart = list(segmented(texts, pieces[2], 32))
    assert [text for text, *__ in apart] == [text for text, *__ in together]
    for (_, _, first), (_, _, second) in zip(together, apart, strict=True):
        assert [list(segment) for segment in first] == [list(segment) for segment in second]
    assert len(parts) > 10 and all(sum(map(len, part)) <= 100 or len(part) == 1 for part in parts)


def test_texts_of_an_evaluation_file_are_never_used(tmp_path):
    lines = sentences()[:60]
    (tmp_path / "texts.txt").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "a.tsv").write_text(f"id\ttext\n1\t{lines[3].replace(' ', '  ')}!!\n", encoding="utf-8")
    (tmp_path / "b.csv").write_text(f'text,label\n"{lines[5][:4]}\n{lines[5][4:]}",1\n', encoding="utf-8")
    with gzip.open(tmp_path / "c.conllu.gz", "wt", encoding="utf-8") as stream:
        stream.write(f"# text = {lines[7]}\n1\t단어\n")
    keys = evaluation_keys([tmp_path / "a.tsv", tmp_path / "b.csv", tmp_path / "c.conllu.gz"], STEPS)
    texts = clean_texts([TextSource(str(tmp_path / "texts.txt"))], STEPS, keys)
    assert not {lines[3], lines[5], lines[7]} & set(texts.texts)
    assert texts.stats[0].excluded >= 3 and len(texts.texts) >= 50
    with pytest.raises(DataError, match=r"nothing\.txt"):
        evaluation_keys([tmp_path / "nothing.txt"], STEPS)


def test_texts_are_read_from_every_kind_of_file_once_and_cleaned(tmp_path):
    import pandas
    import zstandard

    (tmp_path / "a.txt").write_text("맑은  하늘\r\n123 456\n\n좋은 날\n", encoding="utf-8")
    (tmp_path / "b.gz").write_bytes(gzip.compress("좋은 날\n흐린 날\n".encode()))
    (tmp_path / "c.zst").write_bytes(zstandard.compress("눈 오는 날\n".encode()) + zstandard.compress("끝\n".encode()))
    pandas.DataFrame({"text": ["비 오는 날", None], "label": ["x", "y"]}).to_parquet(tmp_path / "d.parquet")
    specs = ["a.txt", "b.gz", "c.zst", "d.parquet:text"]
    texts = clean_texts([parse_source(str(tmp_path / name)) for name in specs], STEPS, set())
    assert texts.texts == ["맑은 하늘", "좋은 날", "흐린 날", "눈 오는 날", "끝", "비 오는 날"]
    assert texts.stats[0].row()[1:] == [4, 2, 0, 0, 2]
    assert texts.stats[1].duplicates == 1
    with pytest.raises(DataError, match=r"d\.parquet:COLUMN; its text columns: text, label"):
        clean_texts([parse_source(str(tmp_path / "d.parquet"))], STEPS, set())
    with pytest.raises(DataError, match="nor a corpus"):
        clean_texts([TextSource("nothing.txt")], STEPS, set())


def test_weights_say_how_often_a_text_is_used(texts):
    assert parse_source("a@b.txt@2.5") == TextSource("a@b.txt", None, 2.5)
    assert parse_source("x.parquet:본문@3") == TextSource("x.parquet", "본문", 3.0)
    assert parse_source("sample:topic") == TextSource("sample:topic")
    for weight in ("0", "-1", "nan", "inf"):
        with pytest.raises(ConfigError, match="above 0"):
            parse_source(f"a.txt@{weight}")
    counts = [copies(text, 1.5) for text in sentences()]
    assert set(counts) == {1, 2} and 1.4 < np.mean(counts) < 1.6


@pytest.fixture(scope="module")
def pieces() -> tuple[MaskingVocabulary, Encodings, object]:
    tokenizer = train_wordpiece(sentences(), 1500, spares=3)
    task = MaskedWords(MaskingVocabulary.of(tokenizer))
    return task.pieces, task.encode(load_corpus("sample:topic").train, tokenizer.backend_tokenizer, 64), tokenizer


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**31), masking=st.floats(0.05, 0.6), count=st.integers(1, 30), world=st.integers(1, 3))
def test_whole_words_are_masked_and_processes_share_the_same_masks(pieces, seed, masking, count, world):
    table, encodings, _ = pieces
    task = MaskedWords(table, masking)
    indices = np.random.default_rng(seed).integers(0, len(encodings), count)
    batch, total = task.step_batch(encodings, indices, 0, np.random.default_rng(seed), slice(None))
    predicted = np.zeros(batch["input_ids"].shape, bool)
    predicted.flat[batch["positions"]] = True
    true = np.zeros_like(batch["input_ids"])
    for row, index in enumerate(indices):
        true[row, : len(encodings.sentence(index))] = encodings.sentence(index)
    assert total == predicted.sum() == len(batch["labels"])
    assert np.array_equal(true[predicted], batch["labels"])
    assert not (predicted & table.fixed[true]).any()
    inside = table.inside[true]
    assert np.array_equal(predicted[:, 1:][inside[:, 1:]], predicted[:, :-1][inside[:, 1:]])  # as the piece before it
    assert (predicted.any(axis=1) | table.fixed[true].all(axis=1)).all()
    assert np.array_equal(batch["input_ids"][~predicted], true[~predicted])
    shares = [
        task.step_batch(encodings, indices, 0, np.random.default_rng(seed), slice(rank, None, world))
        for rank in range(min(world, count))
    ]
    assert sum(len(share["labels"]) for share, _ in shares) == total == shares[0][1]


def test_the_share_of_masked_pieces_is_as_asked(pieces):
    table, encodings, _ = pieces
    for masking in (0.15, 0.4):
        task = MaskedWords(table, masking)
        draws = [
            task.step_batch(encodings, np.arange(len(encodings)), 0, np.random.default_rng(i), slice(None))
            for i in range(5)
        ]
        free = (~table.fixed[encodings.ids]).sum()
        assert masking - 0.01 < np.mean([total for _, total in draws]) / free < masking + 0.06
        batch = draws[0][0]
        shown = batch["input_ids"].flat[batch["positions"]]
        assert 0.7 < (shown == table.mask_id).mean() < 0.9
        assert not np.array_equal(draws[0][0]["positions"], draws[1][0]["positions"])


def test_positions_give_the_same_logits_as_projecting_everything(pieces):
    from transformers import BertConfig, BertForMaskedLM

    torch.manual_seed(0)
    config = BertConfig(vocab_size=50, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64)
    model = BertForMaskedLM(config).eval()
    ids, positions = torch.randint(5, 50, (3, 7)), torch.tensor([0, 8, 20])
    whole = model(input_ids=ids).logits
    some = packed.pack(model)(input_ids=ids, positions=positions).logits
    assert torch.allclose(whole.reshape(-1, 50)[positions], some, atol=1e-6)


def test_digits_stand_singly_and_runs_are_folded(pieces):
    tokenizer = pieces[2]
    assert tokenizer.tokenize("2019") == ["2", "0", "1", "9"]
    assert tokenizer.tokenize("ㅋㅋㅋㅋㅋㅋㅋㅋ") == ["ㅋㅋㅋ"] and tokenizer.tokenize("ㅠㅠ") == ["ㅠㅠ"]
    joined, apart = tokenizer.tokenize("좋다ㅋㅋㅠㅠ"), tokenizer.tokenize("좋다")
    assert joined == [*apart, "ㅋㅋ", "ㅠㅠ"]
    assert tokenizer.tokenize("!!!!!!!!") == ["!"] * 3
    assert tokenizer.convert_tokens_to_ids(["[MASK]", "[unused0]", "[unused2]"]) == [4, 5, 7]


@given(
    lengths=st.lists(st.integers(3, 64), min_size=1, max_size=200),
    tokens=st.integers(64, 400),
    seed=st.integers(0, 99),
)
def test_batches_by_tokens_hold_every_segment_and_have_as_many_steps_in_each_epoch(lengths, tokens, seed):
    lengths = np.array(lengths)
    times = np.random.default_rng(seed).integers(1, 4, len(lengths))
    plan = TokenSampler(tokens, times)
    for epoch in (0, 1):
        batches = plan.epoch(lengths, seed=seed, epoch=epoch)
        assert len(batches) == plan.steps(lengths)
        assert np.array_equal(np.bincount(np.concatenate(batches), minlength=len(lengths)), times)
        assert all(len(batch) * lengths[batch].max() <= tokens for batch in batches)
    assert sorted(np.concatenate(list(plan.evaluation(lengths)))) == list(range(len(lengths)))


@given(words=st.lists(st.integers(1, 9), min_size=1, max_size=120), most=st.integers(8, 40))
def test_long_texts_are_cut_into_parts_that_fit(words, most):
    inside = np.concatenate([[False] + [True] * (size - 1) for size in words])
    cuts = [0, *cut_positions(inside, most), len(inside)]
    parts = np.diff(cuts)
    assert parts.max() <= most and (parts.min() > 0 or len(inside) == 0)


def test_blocks_keep_one_text_a_segment_with_its_special_tokens(done):
    encodings, times = open_blocks(done / "texts", "train")
    held, _ = open_blocks(done / "texts", "validation")
    tokenizer = load_tokenizer(done / "run" / "tokenizer")
    assert set(times) == {1}
    rows = [encodings.sentence(i) for i in range(len(encodings))] + [held.sentence(i) for i in range(len(held))]
    assert all(row[0] == tokenizer.cls_token_id and row[-1] == tokenizer.sep_token_id for row in rows)
    assert all((row[1:-1] != tokenizer.sep_token_id).all() for row in rows)
    assert 0.05 * len(encodings) < len(held) < 0.2 * len(encodings)


def test_resuming_with_other_settings_is_refused(done, texts):
    with pytest.raises(ConfigError, match=r"masking was 0\.2, is 0\.3"):
        pretrain([TextSource(str(texts))], PretrainConfig(**TINY, masking=0.3), out=done, resume=True)
