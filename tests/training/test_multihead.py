"""One network with a head for each of several corpora: the task, the training data, and the run."""

import json
import os
import signal
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
import torch
from torch.nn.functional import cross_entropy
from typer.testing import CliRunner

import munjang as mj
from munjang.cli import app
from munjang.cli.train_heads import CorpusArguments, Source, default_head_name, split_head_name
from munjang.config.settings import ReadOptions
from munjang.data.multi_corpus import prepare_multi_corpus
from munjang.errors import ConfigError, DataError
from munjang.files import file_hash
from munjang.inference.scope import fit_scope
from munjang.records import Corpus, Example, LabelSet
from munjang.tasks.multihead import Heads
from munjang.training.loops.batching import MultiCorpusSampler, samples_per_source
from munjang.training.loops.interrupts import Interrupted

TASK = Heads(LabelSet(("sentiment/부정", "sentiment/긍정", "topic/경제", "topic/세계", "topic/스포츠")))
QUICK = mj.TrainConfig(backbone="scratch:tiny", epochs=2, batch_size=16, precision="fp32")
SENTIMENT, TOPIC = mj.load_corpus("sample:sentiment"), mj.load_corpus("sample:topic")


def few(corpus: Corpus, labels: int = 3, each: int = 40) -> Corpus:
    """A corpus with its first labels, and `each` sentences of every label in train and in test."""
    names = corpus.labels.names[:labels]
    splits = {
        split: [row for name in names for row in [row for row in getattr(corpus, split) if row.label == name][:each]]
        for split in ("train", "test")
    }
    return Corpus(corpus.name, corpus.task, LabelSet(names), **splits)


CORPORA = {"mood": few(SENTIMENT, each=60), "topic": few(TOPIC, each=50)}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    torch.set_num_threads(1)
    config = replace(QUICK, epochs=16, learning_rate=3e-3)
    return mj.train_heads(CORPORA, config, out=tmp_path_factory.mktemp("run") / "m")


def test_each_head_has_the_scope_of_its_own_texts(trained):
    parts = prepare_multi_corpus(CORPORA, replace(QUICK, epochs=16, learning_rate=3e-3)).parts
    for head, part in parts.items():
        texts = ([row.text for row in split] for split in (part.corpus.train, part.corpus.validation))
        expected = fit_scope(*texts)
        assert np.array_equal(trained.single[head].scope.ratios, expected.ratios)
        assert trained.single[head].scope.threshold == expected.threshold
    assert trained.whole.scope is None


def test_a_head_gets_no_gradient_from_another_heads_sentence():
    logits = torch.randn(4, 5, requires_grad=True)
    references = torch.tensor([0, 1, 3, 4])
    loss = TASK.loss(logits, {"labels": references}, None)
    first = cross_entropy(logits[:2, :2], references[:2], reduction="sum")
    second = cross_entropy(logits[2:, 2:], references[2:] - 2, reduction="sum")
    assert loss.item() == pytest.approx((first + second).item())
    loss.backward()
    assert not logits.grad[:2, 2:].any() and not logits.grad[2:, :2].any()
    assert logits.grad[:2, :2].all() and logits.grad[2:, 2:].all()


def test_the_probabilities_of_each_head_sum_to_one():
    logits = torch.tensor([[2.0, 0.0, 1.0, 1.0, 300.0]])
    shares = TASK.predictions(logits)
    assert shares[0, :2].sum() == pytest.approx(1) and shares[0, 2:].sum() == pytest.approx(1)
    assert shares[0, 0] == pytest.approx(1 / (1 + np.exp(-2)))


def test_the_score_is_the_mean_of_the_heads_and_leaves_out_a_head_without_sentences():
    references = np.array([0, 1, 2, 3, 3])
    shares = np.eye(5, dtype=np.float32)[[0, 0, 2, 3, 3]] + np.eye(5, dtype=np.float32)[[2, 2, 0, 1, 0]] * 2
    scores = TASK.score(references, shares)  # the higher number is in the other head and must not count
    assert scores["sentiment_accuracy"] == 0.5 and scores["topic_accuracy"] == 1.0
    assert scores["accuracy"] == 0.75
    assert scores["macro_f1"] == pytest.approx((scores["sentiment_macro_f1"] + scores["topic_macro_f1"]) / 2)
    alone = TASK.score(references[:2], shares[:2])
    assert alone["macro_f1"] == alone["sentiment_macro_f1"] and "topic_accuracy" not in alone


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("a/x", "b/x", "a/y"), "head a do not stand together"),
        (("a/x", "plain"), "'plain' is no label"),
        (("A/x", "A/y"), "'A/x' is no label"),
        (("a/", "a/y"), "'a/' is no label"),
    ],
)
def test_labels_that_make_no_heads_are_refused(names, said):
    with pytest.raises(DataError, match=said):
        Heads(LabelSet(names))


def test_class_weights_are_computed_for_each_head_alone():
    from munjang.tasks.base import Encodings

    column = np.array([0, 0, 0, 1, 2, 3, 4, 4])
    encoded = Encodings(np.zeros(8, np.uint16), np.arange(9), np.zeros(8, bool), {"labels": column})
    assert TASK.class_weights(encoded) == pytest.approx([4 / 6, 4 / 2, 4 / 3, 4 / 3, 4 / 6])


@pytest.mark.parametrize(("power", "shares"), [(1.0, [900, 90, 10]), (0.5, [703, 223, 74]), (0.0, [334, 333, 333])])
def test_the_shares_of_the_corpora_follow_the_power(power, shares):
    sources = np.repeat([0, 1, 2], [900, 90, 10])
    assert samples_per_source(np.bincount(sources), power).tolist() == shares
    plan = MultiCorpusSampler(32, 64, sources, power)
    lengths = np.full(1000, 7)
    drawn = np.concatenate(plan.epoch(lengths, seed=3, epoch=0))
    assert np.bincount(sources[drawn]).tolist() == shares
    assert len(plan.epoch(lengths, seed=3, epoch=0)) == plan.steps(lengths) == 32
    assert (np.unique(drawn, return_counts=True)[1].max() == 1) == (power == 1.0)


def test_an_epoch_is_drawn_from_its_number_alone_and_goes_on_where_the_last_one_ended():
    sources = np.repeat([0, 1], [90, 10])
    lengths = np.arange(100) % 11 + 3
    epochs = [np.concatenate(MultiCorpusSampler(8, 8, sources, 0.5).epoch(lengths, seed=3, epoch=e)) for e in range(4)]
    again = MultiCorpusSampler(8, 8, sources, 0.5).epoch(lengths, seed=3, epoch=2)
    assert np.concatenate(again).tolist() == epochs[2].tolist() != epochs[1].tolist()
    times = np.bincount(np.concatenate(epochs), minlength=100)
    assert set(times[:90]) == {3, 4} and set(times[90:]) == {10}  # 4 × 75 of 90, 4 × 25 of 10
    assert np.unique(epochs[0][sources[epochs[0]] == 0]).size == 75


def test_a_text_that_one_corpus_is_scored_on_is_in_no_others_train():
    mood, topic = CORPORA["mood"], CORPORA["topic"]
    of_test, of_train = topic.test[0].text, topic.train[7].text
    shared = [Example(of_test, "긍정", 1, "shared.csv"), Example(f" {of_train} ", "부정", 2, "shared.csv")]
    multi_corpus = prepare_multi_corpus({"mood": mood.with_splits(train=[*mood.train, *shared]), "topic": topic}, QUICK)
    validation = {row.text for row in multi_corpus.parts["topic"].corpus.validation}
    texts = {row.text for row in multi_corpus.parts["mood"].corpus.train}
    assert of_test not in texts
    assert (of_train in texts) != (of_train in validation)
    (leak, *_) = multi_corpus.cross_leaks["mood"]
    assert (leak.file, leak.line, leak.step, leak.reason) == (
        "shared.csv", 1, "leak between corpora", "same text in test of topic",
    )  # fmt: skip
    assert multi_corpus.to_dict()["mood"]["removed_for_other_corpora"] == len(multi_corpus.cross_leaks["mood"]) >= 1
    assert leak in list(multi_corpus.removed) and multi_corpus.cross_leaks["topic"] == ()


def test_each_corpus_has_the_splits_that_it_has_alone():
    from munjang.data.prepare import prepare_corpus

    multi_corpus = prepare_multi_corpus({"mood": SENTIMENT, "topic": TOPIC}, QUICK)
    for head, corpus in (("mood", SENTIMENT), ("topic", TOPIC)):
        alone = prepare_corpus(corpus, QUICK).corpus
        part = multi_corpus.parts[head].corpus
        assert [*part.validation] == [*alone.validation] and [*part.test] == [*alone.test]
    flat = multi_corpus.corpus
    assert flat.task == "heads" and len(flat.labels) == 9 and flat.labels.names[0] == "mood/부정"
    assert len(flat.train) == len(multi_corpus.sources)
    assert [flat.train[i].label.split("/")[0] for i in (0, -1)] == ["mood", "topic"]


def test_further_rows_go_to_one_head_without_held_out_and_known_texts():
    mood = CORPORA["mood"]
    rows = [
        Example(mood.test[0].text, "positive"), Example(mood.train[3].text, mood.train[3].label),
        Example("새 문장입니다", "negative"), Example("새 문장입니다", "negative"), Example("또 다른 문장", "긍정"),
    ]  # fmt: skip
    aliases = LabelSet(("부정", "긍정"), {"negative": "부정", "positive": "긍정"})
    further = Corpus("more", "classification", LabelSet(("부정", "긍정")), rows)
    base = {**CORPORA, "mood": replace(mood, labels=aliases)}
    multi_corpus = prepare_multi_corpus(base, QUICK, {"mood": further})
    added = multi_corpus.additions["mood"]
    assert added.rows == 2
    assert {row.reason for row in added.removed} <= {
        "same text in test of mood", "same text in train of mood", "same text in validation of mood",
    }  # fmt: skip
    train = [(row.text, row.label) for row in multi_corpus.parts["mood"].corpus.train]
    assert train[-2:] == [("새 문장입니다", "부정"), ("또 다른 문장", "긍정")]
    assert "further rows of more" in str(multi_corpus.parts["mood"].corpus.card.notes)


def test_a_two_headed_model_learns_both(trained):
    seen = mj.load(f"{trained.whole.folder}/mood"), mj.load(f"{trained.whole.folder}/topic")
    for model, corpus in zip(seen, CORPORA.values(), strict=True):
        texts = [row.text for row in corpus.train]
        right = [answer.label == row.label for answer, row in zip(model.predict_many(texts), corpus.train, strict=True)]
        assert np.mean(right) > 0.9, model.name
    both = trained.analyze("배송이 정말 빨라서 좋아요")
    assert set(both.answers) == {"mood", "topic"}


def test_the_folder_has_the_scores_of_each_head_that_evaluation_finds(trained):
    heads = trained.whole.manifest.details["heads"]
    assert list(heads) == ["mood", "topic"]
    assert trained.whole.manifest.labels.names[:2] == ("mood/부정", "mood/긍정")
    for head, corpus in CORPORA.items():
        entry = heads[head]
        assert entry["labels"]["names"] == list(corpus.labels.names) and entry["corpus"] == corpus.name
        report = mj.evaluate(mj.load(f"{trained.whole.folder}/{head}"), corpus, without_spaces=False)
        assert entry["test"]["n"] == report.n == entry["calibration"]["n"]
        assert entry["test"]["accuracy"] == pytest.approx(report.metrics["accuracy"])
        assert entry["test"]["macro_f1"] == pytest.approx(report.metrics["macro_f1"])
        assert entry["test"]["confusion"] == report.confusion.tolist()
        assert entry["calibration"]["after"] == pytest.approx(report.calibration_error, abs=1e-3)
        assert entry["calibration"]["split"] == "test" and 0.1 <= entry["temperature"] <= 10
    assert trained.whole.manifest.validation["macro_f1"] == pytest.approx(
        np.mean([entry["validation"]["macro_f1"] for entry in heads.values()]), abs=0.02
    )
    config = json.loads((trained.whole.folder / "config.json").read_text())
    assert len(config["id2label"]) == len(trained.whole.manifest.labels)


def test_the_card_shows_scores_calibration_and_licence_of_each_head(trained):
    card = (trained.whole.folder / "README.md").read_text("utf-8")
    entry = trained.whole.manifest.details["heads"]["mood"]
    assert f"| {entry['test']['accuracy']:.4f} | {entry['test']['macro_f1']:.4f} |" in card
    assert f"| {entry['calibration']['before']:.4f} | {entry['calibration']['after']:.4f} |" in card
    assert f"| {entry['temperature']:.3f} |" in card
    assert card.count("Licence of the data:") == 2 and "15 equally wide" in card
    assert "removed for another corpus" in card and "| sampling_power | 0.5 |" in card


def test_each_reading_of_a_test_split_is_noted_once(trained, tmp_path):
    model = mj.train_heads(CORPORA, replace(QUICK, epochs=0.2), out=tmp_path / "m")
    lines = (model.whole.folder / "run" / "test_reads.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["corpus"] for line in lines] == ["sample:sentiment", "sample:topic"]


def test_without_a_test_split_calibration_is_measured_on_validation_and_says_so(tmp_path):
    bare = {head: corpus.with_splits(test=()) for head, corpus in CORPORA.items()}
    model = mj.train_heads(bare, replace(QUICK, epochs=0.2, test_share=0.0), out=tmp_path / "m")
    entry = model.whole.manifest.details["heads"]["mood"]
    assert entry["test"] == {} and entry["calibration"]["split"] == "validation"
    assert "| mood | sample:sentiment | 2 | validation |" in (tmp_path / "m" / "README.md").read_text("utf-8")


def test_a_run_that_was_stopped_goes_on_to_the_same_folder(tmp_path, monkeypatch):
    from munjang.training.loops import native as loop

    torch.set_num_threads(1)
    mj.train_heads(CORPORA, QUICK, out=tmp_path / "whole")
    plain = loop.NativeLoop.train_step

    def interrupted(self, indices):
        if self.step == 17:
            os.kill(os.getpid(), signal.SIGINT)
        return plain(self, indices)

    monkeypatch.setattr(loop.NativeLoop, "train_step", interrupted)
    with pytest.raises(Interrupted, match="resume=True"):
        mj.train_heads(CORPORA, QUICK, out=tmp_path / "cut")
    monkeypatch.setattr(loop.NativeLoop, "train_step", plain)
    mj.train_heads(CORPORA, QUICK, out=tmp_path / "cut", resume=True)
    for name in ("model.safetensors", "README.md", "run/removed.csv"):
        assert file_hash(tmp_path / "whole" / name) == file_hash(tmp_path / "cut" / name), name
    one, two = (json.loads((tmp_path / run / "munjang.json").read_text("utf-8")) for run in ("whole", "cut"))
    assert one["details"] == two["details"] and one["validation"] == two["validation"]


def test_trainer_and_class_weights_work_too(tmp_path):
    config = replace(QUICK, loop="trainer", class_weights="balanced", epochs=0.5)
    model = mj.train_heads(CORPORA, config, out=tmp_path / "m")
    assert set(model.analyze("경제 뉴스").answers) == {"mood", "topic"}


TWO_LABELS = replace(SENTIMENT, train=[replace(SENTIMENT.train[0], label=("긍정", "부정"))])


@pytest.mark.parametrize(
    ("corpora", "config", "said"),
    [
        ({"mood": TWO_LABELS}, QUICK, "several labels; a head gives one"),
        ({"Mood": SENTIMENT}, QUICK, "'Mood' cannot name a head"),
        ({"mood/x": SENTIMENT}, QUICK, "cannot name a head"),
        ({}, QUICK, "at least one corpus"),
        ({"mood": SENTIMENT}, replace(QUICK, backbone="linear"), "no encoder for several heads"),
    ],
)
def test_what_makes_no_heads_is_refused(corpora, config, said, tmp_path):
    with pytest.raises(ConfigError, match=said):
        mj.train_heads(corpora, config, out=tmp_path / "m")
    assert not (tmp_path / "m" / "munjang.json").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [({"other": SENTIMENT}, "no head other"), ({"mood": TOPIC}, "has the label 'IT과학'; mood has 부정, 긍정")],
)
def test_further_rows_must_fit_a_head(more, said):
    with pytest.raises(ConfigError, match=said):
        prepare_multi_corpus({"mood": SENTIMENT}, QUICK, more)


def command(*words: object):
    return CliRunner().invoke(app, ["train", *map(str, words)])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a=sample:sentiment", "a=sample:topic"], "Two heads are called a"),
        (["sample:topic", "sample:topic"], "Two heads are called sample-topic"),
        (["a=sample:sentiment", "b=nsmcc"], "Unknown corpus 'nsmcc'"),
        (["a=sample:sentiment", "b=none.csv"], "There is no file none.csv"),
        (["a=sample:sentiment", "sample:topic", "--baseline"], "--baseline is for one corpus"),
        (["a=sample:sentiment", "sample:topic", "--text", "x"], "--text is for files"),
        (["a=sample:sentiment", "sample:topic", "--more", "x.csv"], "expected NAME=FILE"),
        (["a=sample:sentiment", "sample:topic", "--more", "b=x.csv"], "no head b; the heads are a, sample-topic"),
        (["sample:sentiment", "--more", "a=x.csv"], "--more is for several corpora"),
        (["가=sample:sentiment", "sample:topic"], "'가' cannot name a head"),
        (["a=sample:sentiment", "sample:topic", "--backbone", "linear"], "no encoder for several heads"),
    ],
)
def test_a_wrong_command_is_refused_before_anything_is_read(words, said, tmp_path):
    done = command(*words, "--out", tmp_path / "m")
    assert done.exit_code != 0 and said in str(done.exception)
    assert not (tmp_path / "m").exists()


def test_the_command_trains_heads_of_a_corpus_and_a_file(tmp_path):
    rows = [row for row in SENTIMENT.train if row.label][:80]
    (tmp_path / "my reviews.csv").write_text(
        "글,값\n" + "".join(f'"{row.text}",{row.label}\n' for row in rows), encoding="utf-8"
    )
    (tmp_path / "more.csv").write_text(
        "글,값\n" + "".join(f"더 있는 문장 {i},부정\n" for i in range(20)), encoding="utf-8"
    )  # one of the head's labels is enough
    done = command(
        f"mood={tmp_path / 'my reviews.csv'}", "sample:topic", "--more", f"mood={tmp_path / 'more.csv'}",
        "--text", "글", "--label", "값", "--backbone", "scratch:tiny", "--epochs", "0.5", "--try", "정말 좋아요",
        "--out", tmp_path / "m",
    )  # fmt: skip
    assert done.exit_code == 0, done.exception
    assert "20 are added to the train of mood" in done.stdout and "정말 좋아요" in done.stdout
    heads = json.loads((tmp_path / "m" / "munjang.json").read_text("utf-8"))["details"]["heads"]
    assert list(heads) == ["mood", "sample-topic"] and heads["mood"]["more"] == {"corpus": "more", "rows": 20}
    removed = (tmp_path / "m" / "run" / "cleaning.json").read_text("utf-8")
    assert json.loads(removed)["mood"]["more"]["added"] == 20


def test_each_head_may_name_its_label_column(tmp_path):
    file = tmp_path / "comments.tsv"
    rows = [(f"댓글 {n}", "ab"[n % 2], "xyz"[n % 3]) for n in range(12)]
    file.write_text("comments\tbias\thate\n" + "".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    words = [f"{file}:bias", f"second={file}:hate"]
    corpora, more = CorpusArguments(words, [f"bias={file}:bias"], ReadOptions(text="comments"), None).open()
    assert {head: corpus.labels.names for head, corpus in corpora.items()} == {
        "bias": ("a", "b"), "second": ("x", "y", "z"),
    }  # fmt: skip
    assert [example.label for example in more["bias"].train] == [row[1] for row in rows]
    with pytest.raises(ConfigError, match=rf"first and second would learn the same labels .* second={file}:COLUMN"):
        CorpusArguments([f"first={file}", f"second={file}"], [], ReadOptions(label="bias"), None).open()


def test_a_name_is_what_stands_before_the_first_equals_sign_unless_the_word_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a=b.csv").touch()
    assert split_head_name("mood=nsmc") == ("mood", Source("nsmc"))
    assert split_head_name("nsmc") == (None, Source("nsmc"))
    assert split_head_name("a=b.csv") == (None, Source("a=b.csv"))
    assert split_head_name("mood=a=b.csv") == ("mood", Source("a=b.csv"))
    assert split_head_name("mood=a=b.csv:감정") == ("mood", Source("a=b.csv", "감정"))
    assert split_head_name("hate=kor_hate:bias") == ("hate", Source("kor_hate:bias"))
    assert default_head_name("kor_hate:bias") == "kor_hate-bias" and default_head_name("x/reviews.csv.gz") == "reviews"
