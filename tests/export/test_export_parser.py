"""Exported parsers: the same trees as their sources, without torch, through the same Predictor."""

import json
import subprocess
import sys

import numpy as np
import pytest
from parsers import TREES, examples, legal, to_conllu
from typer.testing import CliRunner

import munjang as mj
from munjang.cli import app
from munjang.errors import BundleError, ConfigError

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from munjang.export.run import Tolerances, export_model


@pytest.fixture(scope="module")
def trained(tiny_parser):
    return tiny_parser


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    return export_model(trained, "onnx", tmp_path_factory.mktemp("parser") / "onnx")


def test_an_exported_parser_gives_the_same_scores_and_trees(trained, exported):
    texts = [example.text for example in examples()]
    for index in (np.arange(10), np.array([9])):
        ours, theirs = (m.runner.run(m.runner.batch(m.runner.encode(texts), index)) for m in (trained, exported))
        assert set(ours) == set(theirs)
        np.testing.assert_array_equal(ours["words"], theirs["words"])
        for row, count in enumerate(ours["words"]):  # values beyond a sentence's words do not matter
            for name in ("arcs", "relations"):
                words = (row, slice(count), slice(count + 1))
                np.testing.assert_allclose(theirs[name][words], ours[name][words], atol=2e-4)
    assert exported.predict_many(texts) == trained.predict_many(texts)
    assert [parse.tree for parse in exported.predict_many(texts)] == [example.label for example in examples()]
    assert exported.manifest.details["sample"]["of"] == "words' heads and relations"
    card = (exported.folder / "README.md").read_text("utf-8")
    assert "needs neither torch nor transformers" in card and "Plain transformers" not in card
    assert "100.0% of the words' heads and relations agree" in card


def test_eight_bits_give_legal_trees_of_any_sentence(trained, tmp_path):
    small = export_model(trained, "onnx-int8", tmp_path / "int8", limits=Tolerances(agreement=0.5))
    rng = np.random.default_rng(4)
    texts = [" ".join(rng.choice([*"가나다라마바사", "구름그림을", "😀"], rng.integers(1, 40))) for _ in range(300)]
    parses = small.predict_many([*texts, "", "가 나 " * 200])
    assert all(parse.tree.words == tuple(parse.text.split()) for parse in parses)
    assert all(legal(parse.tree) for parse in parses if len(parse.tree))
    assert (parses[-2].note, parses[-1].note) == ("empty", "truncated to 64 tokens")
    known = [parse.tree for parse in small.predict_many([text for text, *_ in TREES])]
    right = [tree == example.label for tree, example in zip(known, examples(), strict=True)]
    assert np.mean(right) >= 0.8
    with pytest.raises(BundleError, match="In 8 bits the model gives other predictions"):
        export_model(trained, "onnx-int8", tmp_path / "strict", limits=Tolerances(fixed_mean=0, agreement=1.01))
    assert not (tmp_path / "strict").exists()


def test_it_answers_without_torch(exported):
    code = (
        "import sys; sys.modules['torch'] = sys.modules['transformers'] = None\n"
        "import munjang as mj; parse = mj.load(sys.argv[1]).predict(sys.argv[2])\n"
        "print(parse.tree.heads, parse.tree.relations, all(0 < p <= 1 for p in parse.probabilities))"
    )
    text, heads, names = TREES[0]
    done = subprocess.run([sys.executable, "-c", code, exported.folder, text], capture_output=True, text=True)
    assert done.stdout == f"{heads} {tuple(names.split())} True\n", done.stderr


def test_the_command_line_exports_and_checks(trained, tmp_path):
    path = tmp_path / "ten.conllu"
    path.write_text(to_conllu(example.label for example in examples()), "utf-8")
    words = ["export", trained.folder, "onnx", tmp_path / "out", "--check", path]
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exit_code == 0, done.output + str(done.exception)
    assert "\nLAS  " in done.stdout and "+0.0000" in done.stdout
    done = CliRunner().invoke(app, ["predict", str(tmp_path / "out"), TREES[0][0], "--json"])
    assert [word["head"] for word in json.loads(done.stdout)["words"]] == list(TREES[0][1])
    assert mj.evaluate(mj.load(tmp_path / "out"), examples()).metrics["las"] == 1.0


def test_a_graph_of_a_classifier_is_no_parser(trained, exported, tmp_path):
    folder = exported.save(tmp_path / "copy")
    manifest = json.loads((folder / "munjang.json").read_text("utf-8"))
    last = manifest["labels"]["names"].pop()
    aliases = manifest["labels"]["aliases"]
    manifest["labels"]["aliases"] = {alias: name for alias, name in aliases.items() if name != last}
    (folder / "munjang.json").write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(BundleError, match="the network gives 38 labels"):
        mj.load(folder)
    manifest["task"], manifest["details"]["task"] = "classification", {}
    (folder / "munjang.json").write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(BundleError, match="takes attention_mask, input_ids, nodes, positions, expected"):
        mj.load(folder)


def test_a_packaged_parser_keeps_only_the_words_that_the_packaged_encoder_lacks(trained, tmp_path, monkeypatch):
    """The parser's own words, with a few changes, stand for the packaged encoder."""
    from safetensors.numpy import load_file

    from munjang.models import shared_embeddings as shared_words

    words = load_file(trained.folder / "model.safetensors")["bert.embeddings.word_embeddings.weight"]
    packaged = words.astype(np.float16)
    changed = np.array([5, 40, 41])
    packaged[changed] += 0.5
    monkeypatch.setattr(shared_words, "packaged_words", lambda: (packaged, "abc"))
    found = export_model(trained, "onnx-int8", tmp_path / "out", limits=Tolerances(agreement=0.5), share_words=True)
    own = load_file(tmp_path / "out" / "words.safetensors")
    assert own["ids"].tolist() == changed.tolist()
    np.testing.assert_allclose(found.runner.words, words, atol=0.02)
    plain = export_model(trained, "onnx-int8", tmp_path / "plain", limits=Tolerances(agreement=0.5))
    sizes = [(folder / "model.onnx").stat().st_size for folder in (found.folder, plain.folder)]
    assert sizes[1] - sizes[0] > 0.95 * words.size
    trees = [parse.tree for parse in found.predict_many([text for text, *_ in TREES])]
    assert np.mean([tree == example.label for tree, example in zip(trees, examples(), strict=True)]) >= 0.8
    monkeypatch.setattr(shared_words, "packaged_words", lambda: (packaged, "another"))
    with pytest.raises(BundleError, match="belongs to another packaged encoder"):
        mj.load(tmp_path / "out")
    with pytest.raises(ConfigError, match="Words are shared in 8 bits only"):
        export_model(trained, "onnx", tmp_path / "fp32", share_words=True)
