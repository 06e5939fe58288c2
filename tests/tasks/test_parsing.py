"""Parsing on the trunk: a tiny parser learns, every answer is a legal tree, scores agree with hand-worked ones."""

import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from parsers import TREES, examples, legal, to_conllu
from sklearn.metrics import f1_score
from typer.testing import CliRunner

import munjang as mj
from munjang.cli import app
from munjang.data.trees.pictures import tree_lines, tree_svg
from munjang.data.trees.relations import KLUE_RELATIONS
from munjang.data.trees.treebanks import read_trees
from munjang.data.trees.triples import parse_to_json
from munjang.errors import BundleError, ConfigError, DataError
from munjang.metrics import tree_scores as scores
from munjang.models.saved_reports import read_report
from munjang.records import Tree
from munjang.tasks import make_task
from munjang.tasks.parsing.rows import to_parse
from munjang.tasks.parsing.words import PUNCTUATION, SPACES, cut_of, encode_words, spaced

CLOUD = Tree(*(TREES[0][0].split(), TREES[0][1], TREES[0][2].split()))
CLOUD = Tree(tuple(CLOUD.words), CLOUD.heads, tuple(CLOUD.relations))


@pytest.fixture(scope="module")
def trained(tiny_parser):
    return tiny_parser


def test_a_tiny_parser_learns_ten_trees_by_heart(trained):
    assert trained.manifest.validation["las"] == 1.0
    for example in examples():
        assert trained.predict(example.text).tree == example.label
    assert trained.manifest.details["task"] == {"parser": "biaffine", "scheme": "head-final", "cut": "spaces"}


def test_a_thousand_random_sentences_give_legal_trees_in_their_order(trained):
    rng = np.random.default_rng(3)
    stock = [*"가나다라마바사", "구름그림을", "a.b", "없는글자\u4e9c", "😀", "!?", "벽에"]
    texts = [" ".join(rng.choice(stock, rng.integers(1, 14))) for _ in range(1000)]
    parses = trained.predict_many(texts)
    assert [parse.text for parse in parses] == texts
    assert all(parse.tree.words == tuple(parse.text.split()) and legal(parse.tree) for parse in parses)


def test_empty_long_and_odd_texts_have_answers(trained):
    empty, blank, long, odd = trained.predict_many(["", " \t ", "가 나 " * 200, "나는\u3164\n  걸었다"])
    assert (empty.tree, empty.note) == (Tree((), (), ()), "empty") and blank.note == "empty"
    assert long.note == "truncated to 64 tokens" and len(long.tree) == 400 and legal(long.tree)
    assert odd.tree.words == ("나는", "걸었다") and odd.text == "나는\u3164\n  걸었다"
    assert trained.predict_many([]) == []


def test_one_answer_is_the_same_alone_and_among_others(trained):
    texts = [example.text for example in examples()]
    assert trained.predict_many(texts) == [trained.predict(text) for text in texts]


def test_a_saved_parser_is_found_again_and_transformers_opens_its_encoder(trained, tmp_path):
    from transformers import AutoModel

    again = mj.load(trained.save(tmp_path / "copy"))
    assert again.predict(TREES[1][0]) == trained.predict(TREES[1][0])
    encoder = AutoModel.from_pretrained(tmp_path / "copy", add_pooling_layer=False)
    own = trained.runner.model.trunk[0].embeddings.word_embeddings.weight
    np.testing.assert_array_equal(encoder.embeddings.word_embeddings.weight.detach(), own.detach())


def test_a_parser_with_a_missing_weight_is_refused(trained, tmp_path):
    from safetensors.numpy import load_file, save_file

    folder = trained.save(tmp_path / "copy")
    weights = load_file(folder / "model.safetensors")
    del weights["parser.arc"]
    save_file(weights, folder / "model.safetensors")
    manifest = json.loads((folder / "munjang.json").read_text("utf-8"))
    manifest["files"].pop("model.safetensors")
    (folder / "munjang.json").write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(BundleError, match="cannot be loaded"):
        mj.load(folder)


def test_padded_and_packed_networks_say_the_same(trained):
    task, runner = trained.decoder, trained.runner
    batch = runner.batch(runner.encode([example.text for example in examples()]), np.arange(10))
    packed = runner.run(batch)
    from munjang.inference.backends.native import load as open_runner

    other = open_runner(trained.folder, trained.manifest, task)
    other.model = task.open(trained.folder)
    padded = other.run(batch)
    finite = np.isfinite(packed["arcs"])
    assert (finite == np.isfinite(padded["arcs"])).all()
    np.testing.assert_allclose(packed["arcs"][finite], padded["arcs"][finite], atol=1e-4)


def test_a_parser_gives_no_probabilities_and_learns_in_one_loop_only(trained):
    with pytest.raises(ConfigError, match="gives trees, not labels with probabilities"):
        trained.probabilities(["좋다"])
    corpus = mj.Corpus("ten", "parsing", KLUE_RELATIONS, train=examples())
    for settings, message in (({"loop": "trainer"}, 'loop="trainer"'), ({"backbone": "linear"}, 'backbone="linear"')):
        with pytest.raises(ConfigError, match=message):
            mj.train(corpus, mj.TrainConfig(**{"backbone": "scratch:tiny", **settings}))


# Words


def test_each_word_knows_its_first_and_last_piece(trained):
    encodings = encode_words(["나는 구름그림을", "없는글자\u4e9c"], trained.runner.tokenizer, 64)
    assert encodings.columns["words"].tolist() == [2, 1]
    tokens = [trained.runner.tokenizer.id_to_token(int(i)) for i in encodings.sentence(0)]
    (first, last), (begin, end) = encodings.columns["pieces"][0, 1:]
    assert encodings.columns["pieces"][0, 0].tolist() == [0, 0]
    assert "".join(tokens[first : last + 1]).replace("##", "") == "나는"
    assert "".join(tokens[begin : end + 1]).replace("##", "") == "구름그림을"


def test_signs_stand_alone_where_the_treebank_has_them_so():
    assert cut_of([CLOUD]) == SPACES
    assert cut_of([Tree(("갔다", "."), (0, 1), ("root", "punct"))]) == PUNCTUATION
    assert spaced('그는 "네, 3.5%입니다." 라고  했다...', PUNCTUATION) == '그는 " 네 , 3.5%입니다 ." 라고 했다 ...'
    assert spaced(" 나는  갔다. ", SPACES) == "나는 갔다."


def test_universal_trees_give_the_root_relation_to_the_root_alone():
    task = make_task("parsing", mj.LabelSet(("dep", "root")), scheme="any")
    import torch

    from munjang.tasks.parsing.biaffine import as_arrays
    from munjang.tasks.parsing.network import ArcScores

    logits = ArcScores(torch.zeros(1, 3, 4), torch.randn(1, 3, 4, 2) * 9, torch.tensor([3]))
    (row,) = task.decode(as_arrays(logits))
    assert [name == 1 for name in row[:, 1]] == [head == 0 for head in row[:, 0]]


# Scores


def test_scores_of_a_small_example_worked_by_hand():
    """Five words; heads right in four, relations in four, both in three."""
    references = np.array([[2, 3], [5, 4], [5, 5], [5, 0], [0, 2]])
    predicted = np.array([[2, 3], [5, 4], [4, 5], [5, 1], [0, 2]])
    # in two sentences of four words and one: the first has all mistakes, and one of its heads is wrong
    counts = scores.tree_counts(references, predicted, np.array([4, 1]))
    assert counts.tolist() == [[4, 3, 2, 3, 0, 0, 1], [1, 1, 1, 1, 1, 1, 1]]
    shares = {"uas": 0.8, "las": 0.6, "relations": 0.8, "exact": 0.5, "exact_heads": 0.5}
    assert scores.tree_scores(counts.sum(axis=0)) == pytest.approx(shares)
    # heads as classes: 0 and 2 are perfect; 5: 2 hits of 3 and 2, F1 4/5; 4: predicted once, never true, F1 0
    assert scores.klue_uas(references, predicted) == pytest.approx((1 + 1 + 0.8 + 0) / 4)
    # relations: 2, 3, 4 perfect; 5 became "wrong head", 0 became 1: four classes (5, wrong, 0, 1) with F1 0
    assert scores.klue_las(references, predicted) == pytest.approx(3 / 7)
    table = scores.by_relation(references, predicted, 6)
    assert table[3].tolist() == [1, 1, 1, 1, 1] and table[5].tolist() == [0, 0, 0, 1, 1]


def test_klue_merges_its_rare_relations():
    references = np.array([[2, 15], [3, 37], [0, 1]])
    predicted = np.array([[2, 20], [3, 37], [0, 1]])
    assert scores.klue_las(references, predicted) == 1.0
    assert scores.tree_scores(scores.tree_counts(references, predicted, np.array([3]))[0])["las"] == pytest.approx(
        2 / 3
    )


def test_macro_f1_agrees_with_scikit_learn():
    rng = np.random.default_rng(1)
    references, predicted = rng.integers(-3, 12, 300), rng.integers(-2, 14, 300)
    assert scores.class_macro_f1(references, predicted) == pytest.approx(
        f1_score(references, predicted, average="macro")
    )


def test_the_report_counts_sentences_words_and_lengths(trained):
    rows = examples()
    wrong = Tree(("좋다", "정말"), (2, 0), ("AP", "VP"))
    report = mj.evaluate(trained, [*rows[:3], mj.Example("좋다 정말", wrong), mj.Example("나무")])
    assert (report.n, report.words, report.left_out["without a tree"]) == (4, 15, 1)
    relations = [row for row in report.per_relation if row.name == "NP_SBJ"]
    assert (relations[0].support, relations[0].recall) == (4, 1.0)
    assert [(row.words_a_sentence, row.sentences) for row in report.by_length] == [("1-5", 3), ("6-10", 1)]
    assert report.metrics["next_word"] == pytest.approx(11 / 15)
    low, high = report.intervals["uas"]
    assert low <= report.metrics["uas"] <= high
    assert json.loads(json.dumps(report.to_dict()))["metrics"] == report.metrics
    assert "KLUE's LAS" in str(report)


def test_two_parsers_are_compared_word_by_word_on_the_same_sentences(trained, tmp_path):
    rows = examples()
    best = mj.evaluate(trained, rows)
    # a second parser that hangs the first word of five sentences wrong, and one more by a wrong relation
    predicted = best.predicted.copy()
    starts = np.cumsum(best.lengths) - best.lengths
    predicted[starts[:5], 0] += 1
    predicted[starts[5], 1] += 1
    other = read_report(json.loads(json.dumps({**best.to_dict(), "model": "b", "predicted": predicted.tolist()})))
    found = mj.compare(best, other)
    words = int(best.lengths.sum())
    assert (found.only_first, found.only_second, found.unit, found.p) == (6, 0, "words", None)
    assert found.differences["las"].difference == pytest.approx(6 / words)
    assert found.differences["uas"].difference == pytest.approx(5 / words)
    assert found.differences["exact"].difference == pytest.approx(0.6)
    low, high = found.differences["las"].interval
    assert 0 < low < 6 / words < high and found.verdict.startswith("ten is better than b by")
    same = mj.compare(best, best)
    assert "No difference between ten (1) and ten (2) can be shown" in str(same)
    with pytest.raises(DataError, match="Different texts"):
        mj.compare(best, mj.evaluate(trained, rows[:3]))
    with pytest.raises(DataError, match="different reference trees"):
        mj.compare(best, read_report({**best.to_dict(), "references": predicted.tolist()}))


def test_trees_and_labels_do_not_mix(trained):
    with pytest.raises(DataError, match="no sentence here has a tree"):
        mj.evaluate(trained, [mj.Example("좋아요", "긍정")])
    foreign = Tree(("갔다",), (0,), ("root",))
    with pytest.raises(DataError, match="does not know the relation 'root'"):
        mj.evaluate(trained, [mj.Example("갔다", foreign)])


# What is made of a tree


def test_relations_name_subjects_objects_and_modifiers():
    tree = examples()[1].label
    found = [(item.kind, item.word_text, item.head_text) for item in mj.relations(tree)]
    assert found == [
        ("object", "새털구름을", "그린"), ("modifier", "그린", "것이"), ("subject", "것이", "구름그림이다"),
        ("subject", "내가", "그린"), ("modifier", "그린", "구름그림이다"),
    ]  # fmt: skip
    universal = Tree(("내", "고향은", "간다"), (2, 3, 0), ("nmod:poss", "nsubj:pass", "root"))
    assert [item.kind for item in mj.relations(universal)] == ["modifier", "subject"]


def test_the_terminal_shows_each_word_below_its_head():
    assert tree_lines(examples()[1].label) == (
        "구름그림이다  VNP\n├─ 것이  NP_SBJ\n│  └─ 그린  VP_MOD\n│     └─ 새털구름을  NP_OBJ\n"
        "└─ 그린  VP_MOD\n   └─ 내가  NP_SBJ"
    )


def test_the_picture_has_every_word_and_relation_and_needs_no_network():
    tree = Tree(("<b>&", "갔다"), (2, 0), ("NP_SBJ", "VP"))
    root = ElementTree.fromstring(tree_svg(tree))
    texts = [item.text for item in root.iter("{http://www.w3.org/2000/svg}text")]
    assert sorted(texts) == sorted([*tree.words, *tree.relations])
    assert re.findall(r"https?://[^\"]+", tree_svg(tree)) == ["http://www.w3.org/2000/svg"]


# The command line


def run(*words, text=None):
    return CliRunner().invoke(app, list(map(str, words)), input=text)


def test_predict_prints_a_tree_in_four_forms(trained, tmp_path):
    sentence = TREES[0][0]
    assert run("predict", trained.folder, sentence).stdout == tree_lines(CLOUD) + "\n"
    conllu = run("predict", trained.folder, sentence, "--format", "conllu").stdout
    (tmp_path / "x.conllu").write_text(conllu, "utf-8")
    assert [example.label for example in read_trees(tmp_path / "x.conllu")] == [CLOUD]
    shown = json.loads(run("predict", trained.folder, sentence, "--format", "json").stdout)
    assert shown == parse_to_json(trained.predict(sentence)) and shown["words"][0]["relation"] == "NP_SBJ"
    assert run("predict", trained.folder, sentence, "--format", "svg").stdout.startswith("<svg")


def test_predict_writes_the_trees_of_a_file(trained, tmp_path):
    (tmp_path / "in.txt").write_text("".join(f"{text}\n" for text, *_ in TREES), "utf-8")
    done = run("predict", trained.folder, tmp_path / "in.txt", "--out", tmp_path / "out.conllu")
    assert done.exit_code == 0, done.output
    assert [example.label for example in read_trees(tmp_path / "out.conllu")] == [e.label for e in examples()]
    lines = run("predict", trained.folder, "-", "--json", text="좋다\n나는 걸었다\n").stdout.splitlines()
    assert [len(json.loads(line)["words"]) for line in lines] == [1, 2]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["좋다", "--keep", "VP"], "--keep is for classifiers"),
        (["좋다", "--format", "xml"], "must be one of tree, conllu, json, svg"),
        (["좋다", "--out", "x.conllu"], "not for a single text"),
        (["in.txt", "--out", "x.csv"], "a parser writes .conllu or .jsonl"),
    ],
)
def test_what_does_not_fit_a_parser_is_refused(trained, words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.txt").write_text("좋다\n", "utf-8")
    done = run("predict", trained.folder, *words)
    assert done.exit_code and message in str(done.exception)


def test_what_is_for_classifiers_alone_says_so(trained, tmp_path):
    for words, message in (
        (["corpora", "klue-dp", "--plot", tmp_path / "x.png"], "has trees. Their numbers are on its card"),
        (["evaluate", trained.folder, "sample:topic", "--plot", tmp_path / "x.png"], "has no confusion matrix"),
    ):
        done = run(*words)
        assert done.exit_code and message in str(done.exception)


def test_evaluate_and_train_from_the_command_line(trained, tmp_path):
    path = tmp_path / "ten.conllu"
    path.write_text(to_conllu(example.label for example in examples()), "utf-8")
    done = run("evaluate", trained.folder, path, "--json", tmp_path / "report.json")
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "report.json").read_text("utf-8"))["metrics"]["las"] == 1.0
    for against in (tmp_path / "report.json", trained.folder):
        done = run("evaluate", trained.folder, path, "--against", against)
        assert done.exit_code == 0 and "0.0 points of LAS apart" in done.stdout, str(done.exception)
    out = tmp_path / "run"
    done = run(
        "train", path, "--test", path, "--backbone", "scratch:tiny", "--epochs", 1, "--out", out,
        "--set", "clean.leaks=false", "--set", "validation_share=0.2", "--try", "나는 갔다", "--no-cache",
    )  # fmt: skip
    assert done.exit_code == 0, done.output + str(done.exception)
    assert "\nLAS  " in done.stdout and "나는 갔다" in done.stdout
    page = (out / "run" / "report.html").read_text("utf-8")
    assert ">LAS</td>" in page and ">나는</text>" in page and "words a sentence, most" in page
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page), "it needs no network"
    card = (out / "README.md").read_text("utf-8")
    assert "parser" in card and "KLUE's UAS" in card and (out / "run" / "test.json").exists()


def test_words_beyond_the_models_length_cost_nothing_and_are_attached_all_the_same(trained):
    parse = trained.predict("가 나 " * 1_000)
    assert len(parse.tree) == 2_000 and legal(parse.tree) and parse.probabilities[-1] == 0
    assert parse.tree.heads[100:103] == (102, 103, 104)
    nothing = trained.predict("\ufffd " * 20_000 + "가")  # words that leave no token
    assert len(nothing.tree) == 20_001 and legal(nothing.tree) and nothing.note.startswith("truncated")
    universal = to_parse("", ["a", "b", "c"], np.array([[0, 1, 0.9]]), "", mj.LabelSet(("dep", "root")), "any")
    assert universal.tree == Tree(("a", "b", "c"), (0, 1, 2), ("root", "dep", "dep"))
    assert universal.probabilities == (0.9, 0, 0)
