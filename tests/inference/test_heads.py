"""A folder with many heads: each opened as a separate classifier, on one network; what does not fit is refused."""

import gc
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")
import torch
import transformers
from heads_models import HEADS, TEXTS, save_heads

import munjang as mj
from munjang.errors import BundleError, ConfigError, UnknownName
from munjang.export.run import export_model
from munjang.export.sample import answer_difference
from munjang.inference import heads
from munjang.inference import predictor as prediction
from munjang.models.folder import Manifest
from munjang.tasks.multihead import Heads


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    native = save_heads(root / "native")
    for form in ("onnx", "onnx-int8"):
        export_model(native, form, root / form)
    return root


@pytest.fixture
def folder(folders, tmp_path):
    """A copy that a test may break."""
    return mj.load(folders / "onnx").save(tmp_path / "copy")


@pytest.fixture
def mini(folders, monkeypatch):
    """The exported folder instead of the packaged model."""
    monkeypatch.setattr(heads, "PACKAGED_HEADS", folders / "onnx-int8")
    return folders / "onnx-int8"


def change(folder: Path, **values) -> Path:
    data = json.loads((folder / "munjang.json").read_text("utf-8")) | values
    (folder / "munjang.json").write_text(json.dumps(data), encoding="utf-8")
    return folder


@pytest.mark.parametrize("form", ["native", "onnx"])
def test_one_head_is_an_ordinary_classifier(folders, form):
    model = mj.load(folders / form / "sentiment")
    assert (model.task, model.labels.names, model.name) == ("classification", ("부정", "긍정"), f"{form}/sentiment")
    assert model.labels.resolve("positive") == "긍정"
    manifest = model.manifest
    assert (manifest.corpus, manifest.backbone, manifest.steps, manifest.max_length) == (
        "nsmc", "scratch", ("nfc", "spaces"), 64,
    )  # fmt: skip
    assert (manifest.details["temperature"], manifest.validation["accuracy"]) == (2.0, 0.9)
    answers = model.predict_many(TEXTS)
    assert [answer.note for answer in answers] == ["", "", "truncated to 64 tokens", "empty", "", ""]
    assert {answer.label for answer in answers} <= {"부정", "긍정", None}
    assert sum(answers[0].scores.values()) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("form", ["native", "onnx"])
def test_a_head_is_its_part_of_the_logits_divided_by_its_temperature(folders, form):
    plain = transformers.AutoModelForSequenceClassification.from_pretrained(folders / "native").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folders / "native")
    with torch.no_grad():
        logits = plain(**tokenizer(TEXTS[0], return_tensors="pt")).logits[0]
    start = 0
    for name, (labels, _, temperature) in HEADS.items():
        own = torch.softmax(logits[start : start + len(labels)] / temperature, -1).numpy()
        np.testing.assert_allclose(mj.load(folders / form / name).probabilities([TEXTS[0]])[0], own, atol=1e-5)
        start += len(labels)


def test_heads_that_are_open_share_their_network(folders):
    one, two = mj.load(folders / "onnx" / "sentiment"), mj.load(str(folders / "onnx" / "hate"))
    assert one.runner is two.runner is mj.load(folders / "onnx").runner
    del one, two
    gc.collect()
    assert not [key for key in prediction.RUNNING if key[0] == (folders / "onnx").resolve()]


def test_a_changed_folder_is_no_longer_shared(folders, folder):
    before = mj.load(folder / "hate")
    mj.load(folders / "onnx-int8").save(folder)
    assert mj.load(folder / "hate").runner is not before.runner


def test_an_unknown_head_lists_the_known(folders):
    with pytest.raises(UnknownName, match=r"head of onnx 'sentimnt'\. Did you mean sentiment\? Known: hate, sent"):
        mj.load(folders / "onnx" / "sentimnt")
    with pytest.raises(BundleError, match=r"No model folder .*nowhere/sentiment"):
        mj.load(folders / "nowhere" / "sentiment")


def test_the_whole_gives_probabilities_but_no_single_answer(folders):
    model = mj.load(folders / "onnx")
    found = model.probabilities(["좋아요", ""])
    assert found.shape == (2, 7)
    np.testing.assert_allclose([found[:, :2].sum(1), found[:, 2:5].sum(1), found[:, 5:].sum(1)], 1, atol=1e-6)
    np.testing.assert_allclose(found[1], [1 / 2] * 2 + [1 / 3] * 3 + [1 / 2] * 2, atol=1e-6)
    message = r"has several tasks: sentiment, hate, topic\. Name one .*onnx/sentiment, .*analyze model=.*onnx.\."
    with pytest.raises(ConfigError, match=message):
        model.predict("좋아요")
    with pytest.raises(ConfigError, match=message):
        mj.evaluate(model, mj.load_corpus("sample:sentiment"))


def test_a_head_is_evaluated_like_any_model(folders, mini):
    corpus = mj.load_corpus("sample:sentiment")
    report = mj.evaluate(mj.load("mini/sentiment"), corpus, without_spaces=False)
    assert (report.model, report.n) == ("mini/sentiment", len(corpus.test))
    assert not (mini / "run").exists(), "nothing is written into the installation"


def test_the_packaged_model_has_a_name(mini, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert mj.load("mini/topic").predict("축구").label in ("경제", "스포츠")
    assert mj.load("mini").name == "mini"
    with pytest.raises(UnknownName, match=r"head of mini 'x'\. Known: hate, sentiment, topic"):
        mj.load("mini/x")
    with pytest.raises(ConfigError, match=r"such as mini/sentiment, .*analyze model=.mini.\."):
        mj.load("mini").predict("축구")


def test_a_folder_on_disk_comes_before_the_packaged_model(folders, mini, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mini").mkdir()
    assert mj.load("mini/topic").runner.session, "a folder that is no model is passed over for a head"
    mj.load(folders / "onnx").save(tmp_path / "mini")
    assert mj.load("mini/topic").folder == Path("mini")
    (tmp_path / "mini" / "topic").mkdir()
    with pytest.raises(BundleError, match="mini/topic holds no model"):
        mj.load("mini/topic")


def test_an_installation_without_the_packaged_model_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(heads, "PACKAGED_HEADS", tmp_path / "assets")
    for name in ("mini", "mini/sentiment"):
        with pytest.raises(BundleError, match=r"lacks its packaged model 'mini' \(.*assets\)\. Install munjang again"):
            mj.load(name)


def test_a_head_is_not_saved_or_exported_alone(folders, tmp_path):
    model = mj.load(folders / "native" / "hate")
    with pytest.raises(BundleError, match=r"native/hate is one head of .*cannot be saved alone\. Save the whole"):
        model.save(tmp_path / "x")
    with pytest.raises(BundleError, match="native/hate is one head of a network; export the whole"):
        export_model(model, "onnx", tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("form", ["onnx", "onnx-int8"])
def test_an_exported_folder_keeps_its_heads_and_says_how_near_each_is(folders, form):
    source, found = mj.load(folders / "native"), mj.load(folders / form)
    assert found.manifest.details["heads"] == source.manifest.details["heads"]
    assert set(found.manifest.details["sample"]["heads"]) == set(HEADS)
    assert np.abs(found.probabilities(TEXTS) - source.probabilities(TEXTS)).max() < (1e-5 if form == "onnx" else 0.1)
    card = (folders / form / "README.md").read_text("utf-8")
    assert "the lowest of 3 heads" in card and "| topic |" in card


def test_each_head_must_agree_not_the_highest_of_all():
    labels = mj.LabelSet(("a/x", "a/y", "b/x", "b/y"))

    def model(*rows: list[float]) -> SimpleNamespace:
        return SimpleNamespace(decoder=Heads(labels), threshold=0.5, run=lambda texts: [(None, None, np.array(rows))])

    first = model([0.9, 0.1, 0.4, 0.6], [0.9, 0.1, 0.4, 0.6])
    second = model([0.9, 0.1, 0.4, 0.6], [0.9, 0.1, 0.6, 0.4])
    found = answer_difference(first, second, ["글", "글"])
    assert (found.heads, found.agreement) == ({"a": 1.0, "b": 0.5}, 0.5)
    assert "50.0% of the labels agree for b, the lowest of 2 heads" in str(found)


def facts(**values) -> dict:
    """Two heads that fit the labels a/x a/y b/x b/y, the first of them changed."""
    plain = {"labels": {"names": ["x", "y"], "aliases": {}}, "temperature": 1.5}
    return {"a": plain | values, "b": plain}


@pytest.mark.parametrize(
    ("noted", "message"),
    [
        (None, r"details\.heads is 'None'"),
        ([], r"details\.heads is '\[\]'"),
        ({}, r"details\.heads is '\{\}'"),
        ("sentiment", r"details\.heads is 'sentiment'"),
        ({"a": facts()["a"]}, "it has 4 labels, but its heads have 2"),
        (dict(reversed(facts().items())), "label 1 is 'a/x', but by its heads it should be 'b/x'"),
        ({"a": 3, "b": facts()["b"]}, "a is '3'"),
        ({"../a": facts()["a"]}, r"a head is called '\.\./a'"),
        ({"a/b": facts()["a"]}, "a head is called 'a/b'"),
        ({"": facts()["a"]}, "a head is called ''"),
        ({"A": facts()["a"]}, "a head is called 'A'"),
        ({"a\n": facts()["a"]}, r"a head is called 'a\\n'"),
        (facts(temperature=0), r"a\.temperature is '0', expected 0\.01 to 100"),
        (facts(temperature=-1.0), r"a\.temperature is '-1\.0'"),
        (facts(temperature=float("nan")), r"a\.temperature is 'nan'"),
        (facts(temperature=float("inf")), r"a\.temperature is 'inf'"),
        (facts(temperature="1.3"), r"a\.temperature is '1\.3'"),
        (facts(temperature=True), r"a\.temperature is 'True'"),
        (facts(temperature=None), r"a\.temperature is 'None'"),
        (facts(temperature=[1]), r"a\.temperature is '\[1\]'"),
        (facts(labels=None), r"a\.labels is 'None'"),
        (facts(labels={"names": "xy"}), r"a\.labels is "),
        (facts(labels={"names": ["x", 2]}), r"a\.labels has a label that is not a text"),
        (facts(labels={"names": ["x", "x"]}), "Label names must differ; given twice: x"),
        (facts(labels={"names": ["x"]}), "a has 1 label, expected at least two"),
        (facts(labels={"names": ["x", "y"], "aliases": {"1": "z"}}), "Alias '1' stands for 'z'"),
        (facts(labels={"names": ["x", "y"], "aliases": [1]}), r"a\.labels is "),
        (facts(labels={"names": ["x", "y", "z"]}), "it has 4 labels, but its heads have 5"),
        (facts(labels={"names": ["x", "z"]}), "label 2 is 'a/y', but by its heads it should be 'a/z'"),
        (facts(corpus=7), r"a\.corpus is '7'"),
        (facts(validation=[0.9]), r"a\.validation is '\[0\.9\]'"),
        (facts(test="good"), r"a\.test is 'good'"),
        (facts(calibration=1), r"a\.calibration is '1'"),
    ],
)
def test_a_wrong_description_of_heads_is_refused(noted, message):
    manifest = Manifest("onnx", "heads", mj.LabelSet(("a/x", "a/y", "b/x", "b/y")), details={"heads": noted})
    with pytest.raises(BundleError, match=rf"^models/m: munjang\.json describes no usable heads: .*{message}"):
        heads.read_heads(manifest, "models/m")


def test_a_right_description_of_heads_is_read():
    manifest = Manifest("onnx", "heads", mj.LabelSet(("a/x", "a/y", "b/x", "b/y")), details={"heads": facts()})
    assert [(head.name, head.columns, head.temperature) for head in heads.read_heads(manifest, "m")] == [
        ("a", slice(0, 2), 1.5), ("b", slice(2, 4), 1.5),
    ]  # fmt: skip


def test_a_hostile_folder_is_refused_when_it_is_opened(folder):
    details = json.loads((folder / "munjang.json").read_text("utf-8"))["details"]
    change(folder, details=details | {"heads": {}})
    for name in (folder, folder / "sentiment", folder / "x"):
        with pytest.raises(BundleError, match=r"copy: munjang\.json describes no usable heads"):
            mj.load(name)


def test_more_labels_than_logits_are_refused(folder):
    data = json.loads((folder / "munjang.json").read_text("utf-8"))
    data["labels"]["names"].append("topic/정치")
    data["details"]["heads"]["topic"]["labels"]["names"].append("정치")
    change(folder, labels=data["labels"], details=data["details"])
    with pytest.raises(BundleError, match=r"gives 7 labels, but munjang\.json names 8"):
        mj.load(folder / "sentiment")


def test_extreme_logits_and_temperatures_give_numbers():
    head = heads.Head("a", mj.LabelSet(("x", "y")), slice(1, 3), 0.01)
    found = head.decoder.decode({"logits": np.array([[0, 1e4, -1e4], [0, 5, 5]], np.float32)})
    np.testing.assert_array_equal(found, [[1, 0], [0.5, 0.5]])
