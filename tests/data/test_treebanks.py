"""Files of dependency trees: KLUE's form and CoNLL-U are read strictly, cleaned, split and described."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parsers import to_conllu

import munjang as mj
from munjang.data.trees.relations import KLUE_RELATIONS, UD_RELATIONS
from munjang.data.trees.shapes import depths, flaw, is_head_final, is_projective, scheme_of
from munjang.data.trees.treebanks import read_trees
from munjang.errors import ConfigError, DataError
from munjang.records import Tree, label_text

CLOUD = Tree(("나는", "구름그림을", "벽에", "걸었다"), (4, 4, 4, 0), ("NP_SBJ", "NP_OBJ", "NP_AJT", "VP"))
KLUE_FILE = """## 칼럼명 : INDEX\tWORD_FORM\tLEMMA\tPOS\tHEAD\tDEPREL
## klue-dp-v1_dev_00000_x\t나는 구름그림을 벽에 걸었다
1\t나는\t나 는\tNP+JX\t4\tNP_SBJ
2\t구름그림을\t구름 그림 을\tNNG+JKO\t4\tNP_OBJ
3\t벽에\t벽 에\tNNG+JKB\t4\tNP_AJT
4\t걸었다\t걸 었 다\tVV+EP+EF\t0\tVP

## klue-dp-v1_dev_00001_x\t새털구름을 그린 것
1\t새털구름을\t_\t_\t2\tNP_OBJ
2\t그린\t_\t_\t3\tVP_MOD
3\t것\t_\t_\t0\tNP
"""


def klue_file(folder, old="", new=""):
    path = folder / "trees.tsv"
    path.write_text(KLUE_FILE.replace(old, new, 1) if old else KLUE_FILE, encoding="utf-8")
    return path


def test_klues_form_is_read_with_file_and_line(tmp_path):
    first, second = read_trees(klue_file(tmp_path))
    assert first.label == CLOUD and first.text == "나는 구름그림을 벽에 걸었다"
    assert (first.line, second.line) == (3, 9) and first.file.endswith("trees.tsv")
    assert label_text(second.label) == "2:NP_OBJ 3:VP_MOD 0:NP"


def test_parts_of_speech_are_read_from_both_kinds_of_files(tmp_path):
    conllu = tmp_path / "b.conllu"
    conllu.write_text("1\t나는\t_\tPRON\tnp+jx\t_\t2\tnsubj\t_\t_\n2\t간다\t_\tVERB\t_\t_\t0\troot\t_\t_\n\n", "utf-8")
    first, second = read_trees(klue_file(tmp_path))
    assert first.label.pos == ("NP+JX", "NNG+JKO", "NNG+JKB", "VV+EP+EF") and second.label.pos == ()
    assert [example.label.pos for example in read_trees(conllu)] == [("np+jx", "VERB")]


def test_what_is_written_as_conllu_is_read_back(tmp_path):
    path = tmp_path / "trees.conllu.gz"
    path.write_bytes(gzip.compress(to_conllu([CLOUD, CLOUD]).encode()))
    assert [example.label for example in read_trees(path)] == [CLOUD, CLOUD]


def test_another_tool_opens_our_conllu():
    conllu = pytest.importorskip("conllu", reason="the package conllu is not installed")
    (sentence,) = conllu.parse(to_conllu([CLOUD]))
    assert [(word["form"], word["head"], word["deprel"]) for word in sentence] == list(
        zip(CLOUD.words, CLOUD.heads, CLOUD.relations, strict=True)
    )
    assert sentence.to_tree().token["form"] == "걸었다"


def test_ranges_and_empty_nodes_are_skipped(tmp_path):
    path = tmp_path / "x.conllu"
    rest = "\t_\t_\t_\t_\t"
    path.write_text(
        f"1-2\t없어{rest}_\t_\t_\t_\n1\t없{rest}0\troot\t_\t_\n1.1\te{rest}_\t_\t_\t_\n2\t어{rest}1\taux\t_\t_\n"
    )
    (example,) = read_trees(path)
    assert example.label == Tree(("없", "어"), (0, 1), ("root", "aux"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("VV+EP+EF\t0", "VV+EP+EF\t9", "Word 4 hangs from 9, but the sentence has 4 words."),
        ("VV+EP+EF\t0", "VV+EP+EF\t2", "Words hang in a cycle: 4 → 2 → 4."),
        ("NP+JX\t4", "NP+JX\t0", "It has 2 roots (words 1, 4), expected one."),
        ("4\tNP_OBJ", "4\t_", "Word 2 has no relation."),
        ("4\tNP_OBJ", "4\t", "Word 2 has no relation."),
    ],
)
def test_what_is_not_a_tree_names_file_line_and_sentence(tmp_path, old, new, message):
    path = klue_file(tmp_path, old, new)
    with pytest.raises(DataError) as error:
        list(read_trees(path))
    where = f"{path}, line 3, sentence 1 (klue-dp-v1_dev_00000_x)"
    assert str(error.value).startswith(f"{where} is not a tree. {message} Fix the file")


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("3\t벽에", "4\t벽에", 5, "index '4', expected 3: there is a gap"),
        ("VV+EP+EF\t0", "VV+EP+EF\tx", 6, "the head of word 4 is 'x', not a number"),
        ("\tNP_OBJ", "", 4, "5 columns, the sentence began with 6"),
        ("1\t나는\t", "1\t \t", 3, "word 1 is empty"),
    ],
)
def test_a_broken_line_is_named(tmp_path, old, new, line, message):
    path = klue_file(tmp_path, old, new)
    with pytest.raises(DataError) as error:
        list(read_trees(path))
    assert str(error.value).startswith(f"{path}, line {line}, sentence 1 (klue-dp-v1_dev_00000_x): {message}")


def test_a_file_that_is_cut_short_or_no_text_is_a_data_error(tmp_path):
    path = tmp_path / "x.conllu.gz"
    path.write_bytes(gzip.compress(to_conllu([CLOUD]).encode())[:-9])
    with pytest.raises(DataError, match="not a complete gzip file"):
        list(read_trees(path))
    path = tmp_path / "y.conllu"
    path.write_bytes("나는".encode("cp949"))
    with pytest.raises(DataError, match="not utf-8"):
        list(read_trees(path))


def test_a_users_treebank_is_a_corpus_with_the_whole_table_of_relations(tmp_path):
    path = tmp_path / "own.conllu"
    path.write_text(to_conllu([CLOUD]), encoding="utf-8")
    corpus = mj.read_corpus(path)
    assert (corpus.name, corpus.task, corpus.labels) == ("own", "parsing", KLUE_RELATIONS)
    assert mj.read_corpus(klue_file(tmp_path)).train[0].label == CLOUD
    with pytest.raises(ConfigError, match="label=… is for tables"):
        mj.read_corpus(path, label="x")


def test_universal_relations_keep_their_table_and_gain_unknown_subtypes(tmp_path):
    path = tmp_path / "own.conllu"
    tree = Tree(("하나", "둘"), (2, 0), ("nmod:odd", "root"))
    path.write_text(to_conllu([tree]), encoding="utf-8")
    assert mj.read_corpus(path).labels.names == (*UD_RELATIONS.names, "nmod:odd")


def test_cleaning_keeps_trees_over_the_cleaned_words_and_says_which_lost_one():
    names = KLUE_RELATIONS
    decomposed = Tree(("\u1102\u1161\u1102\u1173\u11ab", "갔다"), (2, 0), ("NP_SBJ", "VP"))
    vanishing = Tree(("\u3164", "갔다"), (2, 0), ("NP_SBJ", "VP"))
    examples = [mj.Example(" ".join(tree.words), tree) for tree in (CLOUD, decomposed, vanishing, CLOUD)]
    cleaned, cleaning_report = mj.clean_corpus(mj.Corpus("c", "parsing", names, train=examples))
    assert [example.label.words for example in cleaned.train] == [CLOUD.words, ("나는", "갔다")]
    assert {(row.step, row.reason) for row in cleaning_report.removed} == {
        ("label", "the text steps leave 1 word of 2"),
        ("duplicate", "same text and label as line 1"),
    }


def test_the_card_counts_shapes_and_every_relation():
    flat = Tree(("하나", "둘", "셋", "넷"), (0, 4, 1, 1), ("NP", "NP", "NP", "NP"))  # 2-4 crosses 1-3
    corpus = mj.Corpus("c", "parsing", KLUE_RELATIONS, train=[mj.Example("x", CLOUD), mj.Example("y", flat)])
    stats = mj.describe(corpus)
    train = stats.splits["train"]
    assert (train.rows, train.words, train.longest, train.deepest) == (2, 8, 4, 3)
    assert (train.projective, train.head_final) == (0.5, 0.5)
    assert train.mean_arc == pytest.approx((3 + 2 + 1 + 2 + 2 + 3) / 6)
    assert train.next_word == pytest.approx(2 / 8)  # 벽에 and the root of the first tree
    assert train.relations["NP"] == 4 and train.relations["NP_SVJ"] == 0 and len(train.relations) == 38
    assert "head-final" in str(stats) and stats.to_dict()["splits"]["train"]["words"] == 8


@given(st.integers(1, 7).flatmap(lambda n: st.lists(st.integers(0, n), min_size=n, max_size=n)))
def test_shapes_agree_with_their_definitions(heads):
    words = range(1, len(heads) + 1)
    climbs = {}
    for word in words:
        path = [word]
        while path[-1] and len(path) <= len(heads) + 1:
            path.append(heads[path[-1] - 1])
        climbs[word] = path
    is_tree = heads.count(0) == 1 and all(path[-1] == 0 for path in climbs.values())
    assert (flaw(heads, ["x"] * len(heads)) == "") == is_tree
    if not is_tree:
        return
    assert depths(heads) == [len(climbs[word]) - 1 for word in words]
    arcs = [sorted((word, heads[word - 1])) for word in words]
    arcs_cross = any(a[0] < b[0] < a[1] < b[1] for a in arcs for b in arcs)
    assert is_projective(heads) == (not arcs_cross)
    tree = Tree(("x",) * len(heads), tuple(heads), ("x",) * len(heads))
    final = not arcs_cross and is_head_final(heads)
    assert scheme_of([tree]) == ("head-final" if final else "any" if arcs_cross else "projective")


@pytest.mark.corpora
def test_the_part_of_klue_splits_into_1200_and_300_the_same_each_time(data_dir):
    corpus = mj.load_corpus("klue-dp", str(data_dir))
    assert (len(corpus.train), len(corpus.test), len(corpus.labels)) == (1200, 300, 38)
    assert corpus.test == mj.load_corpus("klue-dp", str(data_dir)).test
    assert scheme_of(example.label for example in corpus.train) == "head-final"


@pytest.mark.corpora
@pytest.mark.parametrize(("name", "train", "test"), [("kaist", 2066, 2287), ("gsd", 950, 989), ("ksl", 6024, 753)])
def test_treebanks_of_universal_dependencies_load_from_the_data_folder(name, train, test, data_dir):
    corpus = mj.load_corpus(f"ud:{name}", str(data_dir))
    assert (len(corpus.train), len(corpus.test), corpus.labels) == (train, test, UD_RELATIONS)
