"""The model folder: saved, opened by munjang and by plain transformers, refused if something is wrong."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch")
from training_fixtures import NAMES, examples

import munjang as mj
from munjang.data.corpora.table import load_corpus
from munjang.errors import BundleError, ConfigError, DataError
from munjang.models.folder import Manifest, read_manifest, save_bundle
from munjang.records import Corpus, Example, LabelSet

TEXTS = ["영화 개재밌어 ㅋㅋㅋㅋㅋ", "진짜 재미없네요 ㅋㅋ", "너 때문에 진짜 짜증나", "정말 재밌고 좋았어요.", "  "]
QUICK = mj.TrainConfig(backbone="scratch:tiny", epochs=4, batch_size=16)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return mj.train(load_corpus("sample:sentiment"), QUICK, out=tmp_path_factory.mktemp("model") / "m")


@pytest.fixture
def folder(model, tmp_path):
    """A copy that a test may break."""
    return model.save(tmp_path / "copy")


def test_a_small_model_learns_the_sample_sentences(model):
    corpus = load_corpus("sample:sentiment")
    references = np.array([corpus.labels.index(example.label) for example in corpus.test])
    right = model.probabilities([example.text for example in corpus.test]).argmax(axis=1) == references
    assert right.mean() > 0.7


def test_the_folder_holds_the_whole_pipeline(model):
    names = {path.name for path in model.folder.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "munjang.json", "README.md", "run"} <= names
    assert "checkpoints" not in names
    manifest = json.loads((model.folder / "munjang.json").read_text(encoding="utf-8"))
    assert manifest["labels"]["names"] == ["부정", "긍정"]
    assert manifest["steps"] == ["nfc", "invisible", "html", "spaces"]
    assert manifest["settings"]["seed"] == 13


def test_plain_transformers_predicts_the_same(model):
    from transformers import pipeline

    plain = pipeline("text-classification", model=str(model.folder), device="cpu")
    for text in TEXTS[:4]:
        theirs, ours = plain(text)[0], model.predict(text)
        assert theirs["label"] == ours.label
        assert theirs["score"] == pytest.approx(uncalibrated(model).predict(text).score, abs=1e-5)


def uncalibrated(model):
    """The model without its temperature, as plain transformers knows it."""
    task = replace(model.decoder, temperature=1.0)
    return mj.Predictor(model.manifest, model.runner, model.folder, task)


def test_predictions_keep_their_order_whatever_the_lengths(model):
    texts = [TEXTS[i % 4] + " 아" * (i * 7 % 23) for i in range(70)]
    together = model.predict_many(texts)
    assert [answer.text for answer in together] == texts
    for text, answer in list(zip(texts, together, strict=True))[::9]:
        alone = model.predict(text)
        assert alone.label == answer.label
        assert alone.score == pytest.approx(answer.score, abs=1e-5)


def test_threads_get_the_same_predictions_as_one_caller(model):
    texts = [TEXTS[i % 4] + " 아" * (i * 7 % 23) for i in range(40)]
    expected = [model.probabilities(texts[i : i + 10]) for i in range(30)]
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(lambda i: model.probabilities(texts[i : i + 10]), [*range(30)] * 4))
    for i, probabilities in enumerate(results):
        np.testing.assert_allclose(probabilities, expected[i % 30], atol=1e-6)


def test_a_tokenizer_of_more_pieces_than_the_network_is_refused(plain):
    path = plain / "tokenizer.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    data["model"]["vocab"]["덧댄"] = 1_000_000
    path.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    with pytest.raises(BundleError, match=r"the tokenizer has 1000001 pieces, but the network .* Copy the model again"):
        mj.load(plain)


def test_a_text_without_a_token_is_empty_and_leaves_the_others_as_they_are(plain):
    path = plain / "tokenizer.json"
    data = json.loads(path.read_text(encoding="utf-8")) | {"post_processor": None}
    path.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    model = mj.load(plain)
    texts = [TEXTS[0], "\x01", TEXTS[1]]
    answers = model.predict_many(texts)
    assert [answer.note for answer in answers] == ["", "empty", ""]
    np.testing.assert_allclose(model.probabilities(texts)[[0, 2]], model.probabilities([TEXTS[0], TEXTS[1]]), atol=1e-6)
    assert model.predict("\x01").label is None


def test_an_empty_text_has_no_label(model):
    answer = model.predict(" \u200b ")
    assert (answer.label, answer.note) == (None, "empty")
    assert model.probabilities([""]).tolist() == [[0.5, 0.5]]


def test_any_collection_of_texts_is_predicted(model):
    texts = ["정말 좋아요", "최악이다"]
    expected = model.predict_many(texts)
    assert model.predict_many(pd.Series(texts, index=[7, 3])) == expected
    assert model.predict_many(text for text in texts) == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("정말 좋아요", "single text"),
        (["정말 좋아요", float("nan")], r"Text 1 .*nan \(float\)"),
        ([None], "Text 0 .*None"),
    ],
)
def test_anything_but_a_list_of_texts_is_refused(model, values, message):
    with pytest.raises(DataError, match=message):
        model.predict_many(values)


def test_a_list_is_not_a_single_text(model):
    with pytest.raises(DataError, match="predict_many"):
        model.predict(["정말 좋아요"])


def test_a_long_text_is_cut_with_a_note(model):
    answer = model.predict("재밌어요 " * 3000)
    assert answer.label in model.labels
    assert answer.note == f"truncated to {model.manifest.max_length} tokens"


def test_decomposed_hangul_is_read_as_composed(model):
    import unicodedata

    text = TEXTS[0]
    assert model.predict(unicodedata.normalize("NFD", text)).scores == model.predict(text).scores


def test_scores_are_sorted_and_sum_to_one(model):
    scores = list(model.predict(TEXTS[0]).scores.values())
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_cut_or_missing_file_is_refused(folder, name):
    path = folder / name
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BundleError, match=f"{name} was cut short or changed"):
        mj.load(folder)
    path.write_bytes(whole[:-20] + bytes(20))
    with pytest.raises(BundleError, match=f"{name} was cut short or changed"):
        mj.load(folder)
    path.unlink()
    with pytest.raises(BundleError, match=f"{name} is missing"):
        mj.load(folder)


def test_a_manifest_that_reaches_outside_is_refused(folder):
    data = json.loads((folder / "munjang.json").read_text(encoding="utf-8"))
    data["files"]["../secret"] = {"bytes": 1, "sha256": ""}
    (folder / "munjang.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(BundleError, match="outside its folder"):
        mj.load(folder)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"labels": 3}', '{"version": 99}', '{"labels": {"names": [1]}}'])
def test_a_damaged_manifest_is_refused(folder, content):
    (folder / "munjang.json").write_text(content, encoding="utf-8")
    with pytest.raises(BundleError):
        mj.load(folder)


def test_pickled_weights_are_never_read(folder):
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")  # good weights, but pickled
    (folder / "model.safetensors").unlink()
    (folder / "munjang.json").unlink()
    shutil.rmtree(folder / "run")
    with pytest.raises(BundleError, match="cannot be loaded"):
        mj.load(folder)


@pytest.fixture
def plain(folder):
    """The model as plain transformers would have written it."""
    (folder / "munjang.json").unlink()
    shutil.rmtree(folder / "run")
    return folder


def change_json(path, **values):
    """Put values into a JSON object; those that are None go in as null."""
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | values), encoding="utf-8")


def test_a_plain_transformers_folder_is_taken(plain, model):
    assert mj.load(plain).predict(TEXTS[0]).label == model.predict(TEXTS[0]).label


def test_a_plain_transformers_folder_saves_as_a_whole_model_folder(plain, model, tmp_path):
    loaded = mj.load(plain)
    again = mj.load(loaded.save(tmp_path / "saved"))
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(again.manifest.files)
    assert again.predict(TEXTS[0]) == loaded.predict(TEXTS[0])
    (tmp_path / "saved" / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(BundleError, match="was cut short or changed"):
        mj.load(tmp_path / "saved")


def test_a_plain_classifier_with_default_labels_has_their_default_names(tmp_path):
    config = {"architectures": ["BertForSequenceClassification"], "model_type": "bert"}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert read_manifest(tmp_path).labels.names == ("LABEL_0", "LABEL_1")
    change_json(tmp_path / "config.json", num_labels=3, max_position_embeddings=None)
    assert read_manifest(tmp_path).labels.names == ("LABEL_0", "LABEL_1", "LABEL_2")
    assert read_manifest(tmp_path).max_length == 512


@pytest.mark.parametrize("trace", ["run/settings.json", "checkpoints/x", ".saving/x"])
def test_a_half_saved_model_is_not_taken_for_a_plain_one(plain, trace):
    (plain / trace).parent.mkdir(exist_ok=True)
    (plain / trace).write_text("{}")
    with pytest.raises(BundleError, match="not finished there: go on with resume=True"):
        mj.load(plain)


@pytest.mark.parametrize("values", [
    {"model_type": 5}, {"architectures": 5}, {"architectures": {}}, {"id2label": ["a", "b"]}, {"id2label": "ab"},
    {"id2label": {"a": "x", "b": "y"}}, {"id2label": {"0": "x", "2": "y"}}, {"id2label": {"0": "x", "1": "x"}},
    {"id2label": {"0": ["x"], "1": "y"}}, {"max_position_embeddings": "128"}, {"max_position_embeddings": -5},
    {"max_position_embeddings": 0}, {"id2label": None, "num_labels": 100_001}, {"id2label": None, "num_labels": "two"},
    {"hidden_size": "wide"}, {"pad_token_id": "none"}, {"pad_token_id": [0]},
])  # fmt: skip
def test_a_damaged_config_is_refused(plain, values):
    change_json(plain / "config.json", **values)
    with pytest.raises(BundleError):
        mj.load(plain)


@pytest.mark.parametrize("values", [
    {"version": "2"}, {"version": None}, {"version": 1.5}, {"format": ["native"]}, {"task": ["classification"]},
    {"format": "pickle"}, {"task": "song"}, {"max_length": "128"}, {"max_length": -5}, {"max_length": 0},
    {"max_length": True}, {"max_length": 10**6}, {"threshold": "0.5"}, {"threshold": 7}, {"steps": "nfc"},
    {"steps": [3]}, {"steps": ["polish"]}, {"details": []}, {"settings": 3}, {"validation": "good"}, {"files": [1]},
    {"files": {"model.safetensors": 3}}, {"files": {"model.safetensors": {}}}, {"backbone": 3},
    {"labels": {"names": "ab"}}, {"labels": {"names": [["a"], ["b"]]}}, {"labels": {"names": []}},
    {"labels": {"names": ["a", "b"], "aliases": ["a"]}}, {"labels": {"names": ["a", "b"], "aliases": {"0": ["a"]}}},
    {"labels": {"names": ["a", "b", "c"]}},
])  # fmt: skip
def test_a_manifest_with_a_wrong_value_is_refused(folder, values):
    change_json(folder / "munjang.json", **values)
    with pytest.raises(BundleError):
        mj.load(folder)


@pytest.mark.parametrize("value", ["Infinity", "NaN", "1e999", "1" + "0" * 400, "-1", "true", '"3"', "null", "1.5"])
@pytest.mark.parametrize(("model", "name"), [("linear", "features"), ("bert-onnx", "pad_id"), ("bert-onnx", "reach")])
def test_a_number_of_the_format_that_is_none_is_refused(model, name, value, tmp_path):
    shutil.copytree(Path(__file__).parents[1] / "old_models" / model, tmp_path / "m")
    path = tmp_path / "m" / "munjang.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["details"][name] = "@"
    path.write_text(json.dumps(manifest).replace('"@"', value), encoding="utf-8")
    with pytest.raises(BundleError, match=rf"details\.{name} is .*, expected a whole number from [01] to 2147483647"):
        mj.load(tmp_path / "m")


def test_a_text_step_of_another_version_is_named(folder):
    change_json(folder / "munjang.json", steps=["nfc", "polish"])
    with pytest.raises(BundleError, match=r"Unknown text step 'polish'\. Known: .*nfc"):
        mj.load(folder)


@pytest.mark.parametrize("name", ["munjang.json", "config.json"])
def test_deeply_nested_json_is_refused(plain, name):
    (plain / name).write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(BundleError, match=f"{name} cannot be read"):
        mj.load(plain)


@pytest.mark.parametrize(("make", "message"), [
    (lambda path: None, "No model folder"),
    (lambda path: path.mkdir(), "holds no model"),
    (lambda path: (path / "checkpoints").mkdir(parents=True), "has not finished.*resume=True"),
])  # fmt: skip
def test_what_is_no_model_is_reported(tmp_path, make, message):
    make(tmp_path / "x")
    with pytest.raises(BundleError, match=message):
        mj.load(tmp_path / "x")


def test_a_folder_that_is_not_empty_is_not_overwritten_unasked(model, tmp_path):
    corpus = load_corpus("sample:sentiment")
    with pytest.raises(ConfigError, match=r"is not empty.*overwrite=True"):
        mj.train(corpus, QUICK, out=model.folder)
    (tmp_path / "diary.txt").write_text("mine")
    with pytest.raises(ConfigError, match="will not delete it"):
        mj.train(corpus, QUICK, out=tmp_path, overwrite=True)
    assert (tmp_path / "diary.txt").read_text() == "mine"


def test_a_finished_run_resumes_to_itself_and_refuses_other_settings(model):
    corpus = load_corpus("sample:sentiment")
    assert mj.train(corpus, QUICK, out=model.folder, resume=True).predict(TEXTS[0]) == model.predict(TEXTS[0])
    with pytest.raises(ConfigError, match="seed was 13, is 14"):
        mj.train(
            corpus,
            mj.TrainConfig(backbone="scratch:tiny", epochs=4, batch_size=16, seed=14),
            out=model.folder,
            resume=True,
        )
    fewer = corpus.with_splits(train=corpus.train[:300])
    with pytest.raises(BundleError, match="other data"):
        mj.train(fewer, QUICK, out=model.folder, resume=True)


def test_one_label_alone_cannot_be_learnt(tmp_path):
    corpus = Corpus(
        "x", "classification", LabelSet(("긍정", "부정")), [Example(f"좋아요 {i}", "긍정") for i in range(30)]
    )
    with pytest.raises(DataError, match="at least two labels in train, found 긍정"):
        mj.train(corpus, QUICK, out=tmp_path / "m")


def test_several_labels_per_text_are_trained_and_predicted(tmp_path):
    rows = examples("multi-label", 300)
    corpus = Corpus("several", "multi-label", LabelSet(NAMES["multi-label"]), rows)
    model = mj.train(corpus, mj.TrainConfig(backbone="scratch:tiny", epochs=40, batch_size=16), out=tmp_path / "m")
    assert isinstance(model.predict("재밌다").label, tuple)
    assert "짧다" in model.predict("재밌다").label
    assert "짧다" not in model.predict("배우들 연기가 정말 훌륭하고 이야기도 탄탄해서 두 번이나 다시 봤습니다").label
    assert model.probabilities([""]).tolist() == [[0.0, 0.0, 0.0]]
    reloaded = mj.load(model.save(tmp_path / "n"))
    assert reloaded.predict("재밌다") == model.predict("재밌다")


def test_a_manifest_survives_json(tmp_path):
    manifest = Manifest("native", "classification", LabelSet(("a", "b"), {"0": "a"}), ("nfc",), 32, files={})
    (tmp_path / "munjang.json").write_text(json.dumps(manifest.to_dict()), encoding="utf-8")
    assert read_manifest(tmp_path) == manifest


def test_saving_over_something_else_is_refused(model, tmp_path):
    (tmp_path / "diary.txt").write_text("mine")
    with pytest.raises(BundleError, match="not empty and holds no model"):
        model.save(tmp_path)


def test_saving_a_model_onto_itself_leaves_it_whole(folder):
    model = mj.load(folder)
    assert model.save(folder.parent / "." / folder.name) == folder
    assert mj.load(folder).predict(TEXTS[0]) == model.predict(TEXTS[0])
    with pytest.raises(BundleError, match="lies in the model's own folder"):
        model.save(folder / "run" / "copy")


def test_saving_over_a_file_is_refused(model, tmp_path):
    (tmp_path / "x").write_text("mine")
    with pytest.raises(BundleError, match="is a file"):
        model.save(tmp_path / "x")


def test_saving_over_another_model_leaves_nothing_of_it(model, tmp_path):
    corpus = load_corpus("sample:sentiment")
    other = mj.train(corpus, mj.TrainConfig(backbone="linear"), out=tmp_path / "linear")
    assert mj.load(model.save(other.folder)).predict(TEXTS[0]) == model.predict(TEXTS[0])
    assert not (other.folder / "vocabulary.txt").exists()
    assert {path.name for path in other.folder.iterdir()} == {path.name for path in model.folder.iterdir()}


def full_disk(folder):
    from safetensors import SafetensorError

    (folder / "model.safetensors").write_bytes(b"half")
    raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")


def test_a_full_disk_is_reported_in_one_line_and_leaves_nothing(tmp_path):
    manifest = Manifest("native", "classification", LabelSet(("a", "b")))
    with pytest.raises(BundleError, match=r"could not be written.*resume=True"):
        save_bundle(tmp_path / "m", manifest, full_disk, "card")
    assert not (tmp_path / "m").exists()


def test_the_manifest_is_the_last_to_come_and_config_the_last_but_one(folder, tmp_path, monkeypatch):
    moved = []
    plain = Path.replace

    def note(path, target):
        moved.append(Path(target))
        return plain(path, target)

    monkeypatch.setattr(Path, "replace", note)
    mj.load(folder).save(tmp_path / "n")
    names = [path.name for path in moved if path.parent == tmp_path / "n"]
    assert names[-2:] == ["config.json", "munjang.json"] and "model.safetensors" in names


def test_a_linear_folder_whose_labels_were_changed_is_refused(tmp_path):
    model = mj.train(load_corpus("sample:sentiment"), mj.TrainConfig(backbone="linear"), out=tmp_path / "m")
    change_json(model.folder / "munjang.json", labels={"names": ["긍정", "부정"]})
    with pytest.raises(BundleError, match=r"labels 부정, 긍정, but munjang.json names 긍정, 부정"):
        mj.load(model.folder)


def test_a_trained_folder_starts_another_training(model, tmp_path):
    corpus = load_corpus("sample:topic")
    config = mj.TrainConfig(backbone=str(model.folder), epochs=1, learning_rate=1e-4)
    other = mj.train(corpus, config, out=tmp_path / "topic")
    assert other.labels.names == corpus.labels.names
    assert other.manifest.backbone == str(model.folder)
    shutil.rmtree(tmp_path / "topic")
