"""How far answers can be trusted: what a folder keeps of validation, promises of precision, withheld labels."""

import json
import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas
import pytest
from heads_models import save_heads
from linear_models import several_labels
from sklearn.metrics import f1_score

import munjang as mj
from munjang.errors import BundleError, ConfigError, DataError
from munjang.inference.confidence import (
    CONFIDENCE,
    Doubt,
    HeldOut,
    check_arrays,
    kept_answers,
    promised,
    promises,
    save,
)
from munjang.inference.files.predict import Answering, predict_table
from munjang.models.folder import MANIFEST
from munjang.records import LabelSet, Prediction
from munjang.text.names import parse_targets

LABELS = LabelSet(("부정", "긍정"))
OLD = Path(__file__).parents[1] / "old_models"


def reviews(n: int, seed: int) -> list[mj.Example]:
    """Reviews that words tell apart; a fifth has words of both kinds and a label by lot, 1 of 100 the wrong one."""
    rng = random.Random(seed)
    words = {"긍정": ["좋아요", "최고예요", "재밌어요"], "부정": ["싫어요", "별로예요", "지루해요"]}
    rows = []
    for number in range(n):
        label, other = rng.sample(LABELS.names, 2)
        said = [rng.choice(words[label]), *([rng.choice(words[other])] if rng.random() < 0.2 else [])]
        text = f"{' '.join(sorted(said))} {1000 * seed + number} {rng.choice(['영화', '배우', '음악', '연출'])}"
        rows.append(mj.Example(text, other if rng.random() < 0.01 else label))
    return rows


def corpus_of(train: int = 300, validation: int = 700) -> mj.Corpus:
    rows = reviews(train + validation + 200, 5)
    parts = rows[:train], rows[train : train + validation], rows[train + validation :]
    return mj.Corpus("reviews", "classification", LABELS, *parts)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trust") / "model"
    mj.train(corpus_of(), mj.TrainConfig(backbone="linear"), out=folder, report=False)
    return folder


def test_a_folder_keeps_what_the_model_gave_on_validation_and_no_text(trained):
    model, rows = mj.load(trained), corpus_of().validation
    held = model.held_out
    probabilities = model.probabilities([row.text for row in rows])
    assert np.allclose(held.confidence, probabilities.max(axis=1), atol=1e-5)
    assert [LABELS.names[i] for i in held.references] == [row.label for row in rows]
    crossed = pandas.crosstab(held.references, held.predicted).to_numpy()
    assert (held.confusion(2) == crossed).all() and crossed.sum() == 700
    assert rows[0].text.split()[-2].encode() not in (trained / CONFIDENCE).read_bytes()


def test_a_minimum_precision_withholds_what_is_less_sure_than_its_threshold(trained):
    model = mj.load(trained)
    texts = [row.text for row in reviews(300, 5)] + ["좋아요 싫어요", "", "오늘 국회는 예산안을 처리했다"]
    plain, careful = model.predict_many(texts), model.predict_many(texts, min_precision=0.95)
    threshold = model.held_out.selection(0.95).threshold
    given = model.held_out.confidence >= threshold
    assert (model.held_out.predicted == model.held_out.references)[given].mean() >= 0.95
    withheld = [one for one in careful if one.label == "보류"]
    assert 30 < len(withheld) < 100
    for before, after, is_outside in zip(plain, careful, model.outside(texts), strict=True):
        assert after.suggested == before.label and after.scores == before.scores
        is_sure = before.label is None or (before.score >= threshold and not is_outside)
        assert after.label == (before.label if is_sure else "보류")
        doubted = "out of scope" if is_outside else "" if is_sure else "below threshold"
        assert after.reason == ("empty" if before.label is None else doubted)
    note = f"below {threshold:.4g}, the threshold for a precision of 0.95"
    assert {one.note for one in withheld} == {note, "out of scope"}
    assert {one.reason for one in plain} == {"", "empty", "out of scope"}


def test_labels_can_have_a_precision_each(trained):
    model = mj.load(trained)
    careful = model.with_doubt(min_precision={"부정": 0.96})
    assert set(careful.doubt.least) == {"부정"} and careful.doubt.target_text == "부정=0.96"
    label = model.held_out.predicted == 0
    sure = model.held_out.confidence >= careful.doubt.least["부정"]
    assert (model.held_out.references[label & sure] == 0).mean() >= 0.96
    found = careful.predict_many([row.text for row in reviews(200, 9)])
    assert {one.suggested for one in found if one.label == "보류"} <= {"부정"}
    with pytest.raises(DataError, match="나쁨"):
        model.with_doubt(min_precision={"나쁨": 0.9})


def test_files_have_the_suggestion_and_the_reason_beside_the_label(trained, tmp_path):
    from munjang.data.readers.open import open_table

    answers = mj.load(trained).predict_many([row.text for row in corpus_of().test], min_precision=0.95)
    sure = next(one.text for one in answers if one.label == "긍정")
    (tmp_path / "a.csv").write_text(f'본문\n{sure}\nㅁㄴㅇㄹ\n""\n', encoding="utf-8")
    out = tmp_path / "b.csv"
    counts = predict_table(
        mj.load(trained), open_table(tmp_path / "a.csv"), (0,), out, answering=Answering(False, min_precision=0.95)
    )
    rows = pandas.read_csv(out, keep_default_na=False).to_dict("records")
    assert [row["label"] for row in rows] == ["긍정", "보류", ""]
    assert rows[1]["suggested"] in LABELS.names and rows[1]["reason"] in ("below threshold", "out of scope")
    assert (rows[0]["suggested"], rows[0]["reason"], rows[2]["reason"]) == ("긍정", "", "empty")
    assert counts.held == 1 and "1 보류 (not sure enough)" in str(counts)
    kept = Answering(False, min_precision=0.95, keep=("보류",))
    predict_table(mj.load(trained), open_table(tmp_path / "a.csv"), (0,), out, answering=kept, overwrite=True)
    assert pandas.read_csv(out)["label"].tolist() == ["보류"]


def test_a_report_counts_what_is_given_and_what_of_it_is_right(trained):
    model, rows = mj.load(trained), corpus_of().test
    report = mj.evaluate(model.with_doubt(min_precision=0.95), rows, without_spaces=False)
    answers = model.predict_many([row.text for row in rows], min_precision=0.95)
    given = [(one.label, row.label) for one, row in zip(answers, rows, strict=True) if one.label != "보류"]
    assert (report.accepted.given, report.accepted.labels) == (len(given), len(rows))
    assert report.accepted.right == sum(ours == theirs for ours, theirs in given)
    assert report.metrics == mj.evaluate(model, rows, without_spaces=False).metrics
    assert f"Minimum precision 0.95: {len(given)} of {len(rows)} labels are given" in str(report)
    assert type(report).from_dict(json.loads(json.dumps(report.to_dict()))).accepted == report.accepted


@pytest.mark.parametrize("target", [0, 1e-17, 1, 1.5, float("nan")])
def test_a_precision_lies_between_0_and_1(trained, target):
    with pytest.raises(ConfigError, match=r"min_precision must be at least 0\.01 and below 1"):
        mj.load(trained).with_doubt(min_precision=target)


def test_a_label_that_is_called_as_withheld_ones_are_is_not_confused_with_them(trained):
    model = mj.load(trained)
    model.manifest = replace(model.manifest, labels=LabelSet(("부정", "보류")))
    with pytest.raises(ConfigError, match="has a label '보류', which is what a withheld label is called too"):
        model.with_doubt(min_score=0.5)


def test_a_label_has_one_precision_under_all_its_names():
    with pytest.raises(ConfigError, match=r"the label '부정' has two numbers, 0\.9 and 0\.95"):
        promised(None, LabelSet(("부정", "긍정"), {"negative": "부정"}), {"부정": 0.9, "negative": 0.95}, "m")
    with pytest.raises(ConfigError, match="the label '부정' has two numbers"):
        parse_targets("부정=0.9,부정=0.95")
    assert parse_targets("부정=0.9,부정=0.9") == {"부정": 0.9}


def test_the_f1_threshold_of_labels_that_never_occur_is_one_half():
    held = HeldOut(np.full((40, 2), 0.3, np.float32), np.zeros((40, 2), np.int32), np.zeros((40, 2), np.int32))
    assert held.f1_thresholds(LabelSet(("a", "b"))) == {"a": 0.5, "b": 0.5}


def test_a_promise_that_cannot_be_kept_says_how_many_rows_it_would_take(trained, tmp_path):
    with pytest.raises(ConfigError, match=r"0\.999 cannot be promised for all labels"):
        mj.load(trained).with_doubt(min_precision=0.999)
    small = mj.train(corpus_of(validation=15), mj.TrainConfig(backbone="linear"), out=tmp_path / "small", report=False)
    with pytest.raises(
        ConfigError, match=r"0\.9 cannot be promised for all labels from 15 predictions for validation sentences: it wo"
    ):
        small.with_doubt(min_precision=0.9)
    lines = promises(small.held_out, LABELS.names)
    assert len(lines) == 3 and "90 of 100 right: cannot be promised from 15 validation sentences" in lines[0]
    assert "95 of 100 right: answers 8" in promises(mj.load(trained).held_out, LABELS.names)[1]


def test_a_folder_of_an_earlier_version_says_how_to_give_it_what_it_lacks(tmp_path):
    folder = shutil.copytree(OLD / "linear", tmp_path / "old")
    model = mj.load(folder)
    with pytest.raises(ConfigError, match=r"old keeps no record .* munjang evaluate \S*/old FILE calibrate=True"):
        model.predict("좋아요", min_precision=0.9)
    before = model.predict_many(["좋아요", "별로"])
    labels = model.labels.names
    rows = [mj.Example(f"{word} {i}", labels[i % 2]) for i in range(200) for word in ["좋아요", "별로"][i % 2 :][:1]]
    anew = mj.calibrate(model, rows)
    assert [one.label for one in anew.predict_many(["좋아요", "별로"])] == [one.label for one in before]
    assert model.scope is None and anew.outside(["좋아요 3", "국회 예산안 통과"]).tolist() == [False, True]
    assert len(anew.held_out) == 200 and json.loads((folder / MANIFEST).read_text("utf-8"))["files"][CONFIDENCE]
    temperature = np.float32(anew.decoder.temperature)
    logits = np.log(model.probabilities(["좋아요 아주"])) / temperature
    assert np.allclose(anew.probabilities(["좋아요 아주"]), np.exp(logits) / np.exp(logits).sum(), atol=1e-4)


def test_calibrating_one_head_leaves_the_others(tmp_path):
    folder = save_heads(tmp_path / "heads")
    names = [head.name for head in mj.Analyzer(folder).heads]
    both = [mj.load(folder / name) for name in names]
    for model in both:
        rows = [mj.Example(f"문장 {i}", model.labels.names[i % len(model.labels)]) for i in range(40)]
        mj.calibrate(mj.load(folder / model.head), rows)
    assert [len(mj.load(folder / name).held_out) for name in names] == [40] * len(names)
    with pytest.raises(ConfigError, match="has several tasks"):
        mj.calibrate(mj.load(folder), rows)


def test_what_cannot_be_calibrated_is_refused(trained, tmp_path):
    rows = corpus_of().test
    with pytest.raises(BundleError, match="is a part of munjang itself"):
        mj.calibrate(mj.load("mini/sentiment"), rows)
    with pytest.raises(ConfigError, match="19 usable texts are too few"):
        mj.calibrate(mj.load(trained), rows[:19])
    with pytest.raises(DataError, match="중립"):
        mj.calibrate(mj.load(trained), [mj.Example("좋아요", "중립")] * 30)
    with pytest.raises(ConfigError, match="parser"):
        mj.load("mini/parser").with_doubt(min_precision=0.9)


def test_a_damaged_record_is_refused(trained, tmp_path):
    folder = shutil.copytree(trained, tmp_path / "cut")
    (folder / CONFIDENCE).write_bytes(b"\x05" * 40)
    with pytest.raises(BundleError, match=CONFIDENCE):
        mj.load(folder)
    good = {"confidence": np.array([0.5, 0.9], np.float32), "predicted": np.zeros(2, np.int32)}
    good["references"] = np.ones(2, np.int32)
    check_arrays(good, 2, several=False)
    for name, wrong in (
        ("confidence", np.array([0.5, np.nan], np.float32)),
        ("confidence", np.float32(0.5)),
        ("confidence", np.zeros(0, np.float32)),
        ("confidence", np.array([0.5, 1.5], np.float32)),
        ("predicted", np.array([0, 2], np.int32)),
        ("references", np.array([0, -1], np.int32)),
        ("references", np.zeros(3, np.int32)),
        ("predicted", np.zeros(2, np.int64)),
    ):
        with pytest.raises(ValueError, match=name):
            check_arrays(good | {name: wrong}, 2, several=False)


def test_each_of_several_labels_can_have_its_best_threshold(tmp_path):
    rng = np.random.default_rng(4)
    truth = rng.random((4000, 2)) < (0.5, 0.1)
    probabilities = np.clip(np.where(truth, (0.7, 0.35), (0.3, 0.1)) + rng.normal(0, 0.1, truth.shape), 0, 1)
    held = kept_answers(probabilities.astype(np.float32), truth, several=True)
    found = held.f1_thresholds(LabelSet(("a", "b")))
    for column, name in enumerate("ab"):
        scores = {t / 50: f1_score(truth[:, column], held.confidence[:, column] >= t / 50) for t in range(5, 46)}
        assert (
            found[name] == pytest.approx(max(scores, key=scores.get)) and abs(found[name] - (0.5, 0.25)[column]) < 0.06
        )
    model = mj.load(several_labels(tmp_path)).with_threshold("f1")
    assert set(model.threshold) == set(model.labels.names)
    assert model.predict("칭찬 좋아 3").label == ("칭찬",)
    with pytest.raises(ConfigError, match=r"neither a number nor f1"):
        model.with_threshold("best")


def test_several_labels_are_withheld_one_by_one(tmp_path):
    doubt = Doubt(least={"a": 0.9, "b": 0.6}, targets={"a": 0.95, "b": 0.95})
    found = doubt.applied(Prediction("x", ("a", "b"), {"a": 0.8, "b": 0.7, "c": 0.1}))
    assert (found.label, found.suggested, found.reason) == (("b",), ("a", "b"), "below threshold")
    assert doubt.applied(Prediction("x", ("a",), {"a": 0.8})).label == "보류"
    assert doubt.applied(Prediction("x", (), {"a": 0.1})).label == ()
    probabilities = np.array([[0.9, 0.2], [0.8, 0.7], [0.4, 0.6]], np.float32)
    held = HeldOut(probabilities, (probabilities >= 0.5).astype(np.int32), np.array([[1, 0], [0, 1], [1, 1]], np.int32))
    confidence, right = held.decisions()
    assert sorted(confidence.tolist()) == pytest.approx([0.6, 0.7, 0.8, 0.9])
    assert confidence[~right] == pytest.approx([0.8])
    assert held.confusion(2).tolist() == [[1, 1, 1, 0], [2, 0, 0, 1]]  # tp, fp, fn, tn
    save(tmp_path, {"": held})
    assert (tmp_path / CONFIDENCE).stat().st_size < 1000


def test_a_record_that_was_replaced_after_opening_is_not_used(trained, tmp_path):
    folder = shutil.copytree(trained, tmp_path / "m")
    before = mj.load(folder)
    mj.calibrate(mj.load(folder), corpus_of().test)
    with pytest.raises(BundleError, match="has changed since the model was opened"):
        before.with_doubt(min_precision=0.9)
    assert mj.load(folder).with_doubt(min_precision=0.9).doubt.least


@pytest.mark.parametrize(
    "options", [{"temperature": [1.0]}, {"temperature": [1.0, 1.0]}, {"columns": 5}, {"columns": [0]}]
)
def test_options_of_a_task_that_are_none_are_refused(trained, tmp_path, options):
    folder = shutil.copytree(trained, tmp_path / "m")
    data = json.loads((folder / MANIFEST).read_text("utf-8"))
    data["details"]["task"] = options
    (folder / MANIFEST).write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(BundleError, match=next(iter(options))):
        mj.load(folder)
