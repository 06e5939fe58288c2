"""Exported models predict the same as their sources, without torch, and only munjang's own graphs are run."""

import json
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from kills.points import Steps, in_child
from typer.testing import CliRunner

import munjang as mj
from munjang.cli import app
from munjang.errors import BundleError, UnknownName
from munjang.files import file_facts, write_json
from munjang.inference.backends.onnx_guard import check_onnx
from munjang.inference.predictor import copy_files
from munjang.inference.scope import fit_scope, save_scopes
from munjang.models.folder import Manifest, save_bundle

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import torch
import transformers

from munjang.export.run import Tolerances, export_model
from munjang.export.sample import sentences
from munjang.inference.backends.native import save as save_native
from munjang.text.vocabulary import train_wordpiece

SHAPE = dict(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48, max_position_embeddings=66
)
FAMILIES = {
    "bert": ("BertConfig", SHAPE),
    "relu bert": ("BertConfig", SHAPE | {"hidden_act": "relu"}),
    "tanh gelu": ("BertConfig", SHAPE | {"hidden_act": "gelu_new"}),
    "one layer": ("BertConfig", SHAPE | {"num_hidden_layers": 1}),
    "roberta": ("RobertaConfig", SHAPE | {"pad_token_id": 1, "type_vocab_size": 1}),
    "electra": ("ElectraConfig", SHAPE | {"embedding_size": 16}),
    "distilbert": ("DistilBertConfig", dict(dim=32, n_layers=2, n_heads=2, hidden_dim=48, max_position_embeddings=66)),
}
TEXTS = [
    "정말 재밌고 좋았어요.",
    "별로",
    "배송이 늦어요 " * 40,
    "[PAD] 무엇 [PAD] 인가",
    "",
    "ㅋ",
    "오늘 날씨가 좋네요 산책 갈까요?",
]


def native(folder, family="bert", labels=("부정", "중립", "긍정"), task="classification"):
    """A small random network of a family in a model folder, its answers well apart."""
    kind, options = FAMILIES[family]
    tokenizer = train_wordpiece([row.text for row in mj.load_corpus("sample:sentiment").train[:200]], 400)
    config = getattr(transformers, kind)(
        vocab_size=len(tokenizer), num_labels=len(labels), id2label=dict(enumerate(labels)), **options
    )
    torch.manual_seed(7)
    model = transformers.AutoModelForSequenceClassification.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))  # norms and biases that differ from 1 and 0 too
    reach = 64 if family == "roberta" else 66
    manifest = Manifest("native", task, mj.LabelSet(tuple(labels)), ("nfc",), reach, "scratch", settings={"a": 1})
    save_bundle(folder, manifest, lambda beside: save_native(beside, model, tokenizer), "# A card\n")
    return mj.load(folder)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return native(tmp_path_factory.mktemp("models") / "native")


@pytest.fixture(scope="module")
def exported(source, tmp_path_factory):
    return export_model(source, "onnx", tmp_path_factory.mktemp("models") / "exported")


@pytest.mark.parametrize("format", ["onnx", "onnx-int8"])
def test_an_exported_network_scores_texts_as_its_source_does(format, source, tmp_path):
    scope = fit_scope(sentences(), TEXTS)

    def fill(beside):
        copy_files(source.folder, beside, list(source.manifest.files))
        save_scopes(beside, {"": scope})

    save_bundle(tmp_path / "native", source.manifest, fill, None)
    found = export_model(tmp_path / "native", format, tmp_path / "out", limits=Tolerances(fixed_mean=1, agreement=0))
    assert np.array_equal(found.scope.score(TEXTS), scope.score(TEXTS))
    assert found.scope.threshold == scope.threshold


@pytest.mark.parametrize("family", FAMILIES)
def test_an_exported_network_gives_the_same_probabilities(family, tmp_path):
    source = native(tmp_path / "native", family)
    found = export_model(source, "onnx", tmp_path / "out")
    ours, theirs = source.probabilities(TEXTS), found.probabilities(TEXTS)
    assert np.ptp(ours[[0, 1, 2, 3, 5, 6]], axis=0).max() > 0.05, "the texts must have different answers"
    np.testing.assert_allclose(theirs, ours, atol=1e-5)
    assert [p.note for p in found.predict_many(TEXTS)] == [p.note for p in source.predict_many(TEXTS)]


def test_several_labels_keep_their_own_probabilities_and_threshold(tmp_path):
    source = native(tmp_path / "native", labels=("가", "나"), task="multi-label")
    found = export_model(source, "onnx", tmp_path / "out")
    assert [p.label for p in found.predict_many(TEXTS)] == [p.label for p in source.predict_many(TEXTS)]
    np.testing.assert_allclose(found.probabilities(TEXTS), source.probabilities(TEXTS), atol=1e-5)


def test_eight_bits_are_near_and_say_how_near(source, tmp_path):
    found = export_model(source, "onnx-int8", tmp_path / "out")
    sample = found.manifest.details["sample"]
    assert sample["agreement"] >= 0.97 and 0 < sample["largest"] < 0.2 and sample["sentences"] > 100
    assert f"{sample['agreement']:.1%} of the labels agree" in (tmp_path / "out" / "README.md").read_text("utf-8")
    assert np.abs(found.probabilities(TEXTS) - source.probabilities(TEXTS)).max() < 0.2
    size = (tmp_path / "out" / "model.onnx").stat().st_size
    assert size < 0.7 * (source.folder / "model.safetensors").stat().st_size


@pytest.mark.parametrize("mean", [0.1, 0.0], ids=["fixed ranges", "each token's range"])
def test_eight_bits_do_not_depend_on_the_batch(source, tmp_path, mean):
    found = export_model(source, "onnx-int8", tmp_path / "out", limits=Tolerances(fixed_mean=mean))
    assert found.manifest.details["activations"] == ("fixed ranges" if mean else "a range for each token")
    texts = sentences()
    assert np.abs(found.probabilities(texts) - source.probabilities(texts)).max() < 0.1
    np.testing.assert_allclose(found.probabilities(texts), [found.probabilities([t])[0] for t in texts], atol=1e-4)


def test_an_export_keeps_the_test_report_of_its_source(tmp_path):
    source = native(tmp_path / "native", labels=("부정", "긍정"))
    report = mj.evaluate(source, mj.load_corpus("sample:sentiment"))
    (source.folder / "run").mkdir(exist_ok=True)
    write_json(source.folder / "run" / "test.json", report.to_dict())
    source = mj.load(source.folder)
    found = export_model(source, "onnx", tmp_path / "out")
    assert found.report.to_dict() == report.to_dict() and found.report.confusion.sum() == report.n
    (source.folder / "run" / "test.json").unlink()
    again = export_model(mj.load(source.folder), "onnx", tmp_path / "out", overwrite=True)
    assert again.report is None, "the report of another model stayed"


def test_an_export_that_differs_is_refused_and_leaves_nothing(source, tmp_path):
    with pytest.raises(BundleError, match=r"gives other predictions, so it is not written: .* differ by"):
        export_model(source, "onnx", tmp_path / "out", limits=Tolerances(fp32=1e-12))
    with pytest.raises(BundleError, match="Export to onnx"):
        export_model(source, "onnx-int8", tmp_path / "out", limits=Tolerances(agreement=1.01))
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_exported_is_said(source, exported, tmp_path):
    with pytest.raises(UnknownName, match=r"export format 'onxx'.*Did you mean onnx"):
        export_model(source, "onxx", tmp_path / "out")
    with pytest.raises(BundleError, match="this one is 'onnx'"):
        export_model(exported, "onnx", tmp_path / "out")
    with pytest.raises(BundleError, match="the model's own folder"):
        export_model(source, "onnx", source.folder)
    with pytest.raises(BundleError, match="holds a model already"):
        export_model(source, "onnx", exported.folder)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("x")
    with pytest.raises(BundleError, match="holds no model"):
        export_model(source, "onnx", tmp_path / "mine", overwrite=True)


def test_an_unknown_family_is_named(tmp_path):
    from munjang.export.network import check_family

    with pytest.raises(BundleError, match="family 'mamba' cannot be exported; known are bert, roberta"):
        check_family({"model_type": "mamba", "hidden_act": "gelu"})
    with pytest.raises(BundleError, match="activation 'silu'"):
        check_family({"model_type": "bert", "hidden_act": "silu"})
    with pytest.raises(BundleError, match="absolute positions"):
        check_family({"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "relative_key"})


def test_an_exported_prediction_loads_no_heavy_package(exported):
    heavy = ("torch", "transformers", "pandas", "sklearn", "datasets", "onnx", "pyarrow", "huggingface_hub", "tqdm")
    code = (
        "import sys\nfrom munjang.cli import main\n"
        f"sys.argv = ['munjang', 'predict', {str(exported.folder)!r}, '정말 재밌어요']\n"
        f"try: main()\nexcept SystemExit: pass\nprint('LOADED', *[n for n in {heavy!r} if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(("부정", "중립", "긍정")) and done.stdout.rstrip().endswith("LOADED")


def rewritten(exported, tmp_path, change):
    """The exported folder with its graph changed and the manifest made to fit, as an attacker would."""
    import onnx

    target = exported.save(tmp_path / "hostile")
    model = onnx.load(target / "model.onnx")
    change(model)
    (target / "model.onnx").write_bytes(model.SerializeToString())
    data = json.loads((target / "munjang.json").read_text("utf-8"))
    data["files"]["model.onnx"] = file_facts(target / "model.onnx")
    (target / "munjang.json").write_text(json.dumps(data), encoding="utf-8")
    return target


def outside(model):
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = 1
    tensor.external_data.add(key="location", value="../../etc/passwd")


def foreign_operator(model):
    model.graph.node[0].domain, model.graph.node[0].op_type = "evil", "Run"
    model.opset_import.add(domain="evil", version=1)


def loop(model):
    model.graph.node[0].op_type = "Loop"


def tensor_attribute(model):
    model.graph.node[0].attribute.add(name="x", type=4).t.data_type = 1


def local_function(model):
    model.functions.add(name="f", domain="com.microsoft")


def other_input(model):
    model.graph.input[1].name = "mask"
    for node in model.graph.node:
        node.input[:] = ["mask" if name == "attention_mask" else name for name in node.input]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (outside, "it keeps weights outside the file"),
        (foreign_operator, "'evil'|evil.Run"),
        (loop, "it holds the operator Loop"),
        (tensor_attribute, "an attribute holds a tensor"),
        (local_function, "functions or training graphs of its own"),
        (other_input, "takes input_ids, mask, expected"),
    ],
)
def test_a_hostile_or_unfitting_graph_is_refused(exported, tmp_path, change, message):
    with pytest.raises(BundleError, match=message):
        mj.load(rewritten(exported, tmp_path, change))


def test_a_damaged_graph_is_refused_before_the_runtime_sees_it(exported):
    data = (exported.folder / "model.onnx").read_bytes()
    check_onnx(data, "whole.onnx")
    for damaged in (b"", data[:-7], data[: len(data) // 2], b"\xff" * 64, b"PK\x03\x04" + data):
        with pytest.raises(BundleError, match=r"^cut\.onnx is"):
            check_onnx(damaged, "cut.onnx")


def test_a_changed_file_is_refused(exported, tmp_path):
    target = exported.save(tmp_path / "copy")
    data = bytearray((target / "model.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (target / "model.onnx").write_bytes(bytes(data))
    with pytest.raises(BundleError, match="changed since it was saved"):
        mj.load(target)


def test_another_number_of_labels_is_refused(exported, tmp_path):
    target = exported.save(tmp_path / "copy")
    data = json.loads((target / "munjang.json").read_text("utf-8"))
    data["labels"]["names"].append("모름")
    (target / "munjang.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(BundleError, match=r"gives 3 labels, but munjang\.json names 4"):
        mj.load(target)


def test_a_length_beyond_the_positions_is_refused(exported, tmp_path):
    target = exported.save(tmp_path / "copy")
    data = json.loads((target / "munjang.json").read_text("utf-8")) | {"max_length": 500}
    (target / "munjang.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(BundleError, match="max_length is 500, but the network takes at most 66"):
        mj.load(target)


def test_the_command_exports_and_compares(tmp_path):
    source = native(tmp_path / "native", labels=("부정", "긍정"))
    (tmp_path / "check.csv").write_text("text,label\n정말 좋아요,긍정\n싫어요,부정\n별로예요,부정\n", encoding="utf-8")
    words = ["export", str(source.folder), "onnx", str(tmp_path / "out"), "--check", str(tmp_path / "check.csv")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    accuracy = next(line for line in done.stdout.splitlines() if line.lower().startswith("accuracy"))
    assert accuracy.split()[-1] == "+0.0000" and accuracy.split()[1] == accuracy.split()[2]
    assert "the same answers" not in done.stdout and (tmp_path / "out" / "model.onnx").exists()
    assert isinstance(CliRunner().invoke(app, words).exception, BundleError)  # it is there already


def test_the_card_no_longer_offers_plain_transformers(tmp_path):
    model = native(tmp_path / "native")
    from munjang.reports.model_card import model_card

    (model.folder / "README.md").write_text(model_card(replace(model.manifest, corpus="c")), encoding="utf-8")
    export_model(model, "onnx", tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "from transformers import pipeline" not in card and "## Scores" in card and "## Exported" in card
    assert 'library_name: "munjang"' in card


def test_the_size_of_a_batch_changes_no_answer(source, exported, monkeypatch):
    texts = sentences()
    expected = [model.probabilities(texts) for model in (source, exported)]
    for tokens in (1, 90, 100_000):
        monkeypatch.setattr("munjang.inference.predictor.TOKENS", tokens)
        for model, answers in zip((source, exported), expected, strict=True):
            np.testing.assert_allclose(model.probabilities(texts), answers, atol=1e-5)


@pytest.mark.parametrize("point", ["opened x/.munjang/new/x/model.onnx", "os.rename x/.munjang/ready/munjang.json"])
def test_a_killed_export_is_repeated_or_was_done(source, tmp_path, point):
    killed = in_child(lambda: (Steps(str(tmp_path), point).arm(), export_model(source, "onnx", tmp_path / "x")))
    assert killed.code == -signal.SIGKILL
    if "new" in point:
        export_model(source, "onnx", tmp_path / "x")
    else:
        with pytest.raises(BundleError, match="holds a model already"):
            export_model(source, "onnx", tmp_path / "x")
    np.testing.assert_allclose(mj.load(tmp_path / "x").probabilities(TEXTS), source.probabilities(TEXTS), atol=1e-4)
    assert not [path for path in tmp_path.rglob(".*")]


def test_an_export_over_a_model_takes_all_of_the_old_one_away_but_nothing_of_the_users(source, tmp_path):
    target = native(tmp_path / "x", labels=("가", "나")).folder
    (target / "run").mkdir()
    (target / "run" / "test.json").write_text("{}")
    (target / "notes.txt").write_text("mine")
    export_model(source, "onnx", target, overwrite=True)
    expected = {"model.onnx", "tokenizer.json", "munjang.json", "README.md", "notes.txt"}
    assert {path.name for path in target.iterdir()} == expected
    assert (target / "notes.txt").read_text() == "mine"
