"""Wrong arguments of public functions: munjang's own error, which names the argument and what was expected."""

from __future__ import annotations

import inspect

import pytest

import munjang as mj
from munjang import translation
from munjang.config.arguments import checked

LONG, NUL, HALF = "a" * 5000, "a\0b", "a\ud800b"
LINEAR = {"config": mj.TrainConfig(backbone="linear")}


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A file, its corpus, a model, and a place to write."""
    folder = tmp_path_factory.mktemp("given")
    file = folder / "a.csv"
    file.write_text("본문,감정\n" + "좋아요,긍정\n별로,부정\n" * 4, encoding="utf-8")
    return {"f": str(file), "c": mj.read_corpus(file), "m": mj.load("mini/sentiment"), "out": str(folder / "out")}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f, **_: mj.read_corpus(f, text=[]), "^text cannot be empty"),
        (lambda f, **_: mj.read_corpus(f, label=()), "^label cannot be empty"),
        (lambda f, **_: mj.read_corpus(f, text=["본문", 3]), r"^text is \['본문', 3\]; expected text, a list of names"),
        (lambda f, **_: mj.read_corpus(f, options=3), r"^options is 3 \(int\); expected ReadOptions \| None"),
        (lambda f, **_: mj.read_corpus(f, options={}), r"^options is \{\} \(dict\); expected ReadOptions"),
        (lambda f, **_: mj.read_corpus(f, validation=3), r"^validation is 3 \(int\); expected str \| Path \| None"),
        (lambda f, **_: mj.read_corpus(f, test=[f]), r"^test is \['.*\(list\); expected str \| Path"),
        (lambda f, **_: mj.read_corpus(f, purpose="x"), "^purpose is 'x'; it must be one of train, clean, look"),
        (lambda f, **_: mj.read_corpus(f, header_row="x"), "^header_row is 'x'; expected a whole number"),
        (lambda **_: mj.read_corpus(NUL), r"^path is 'a\\x00b', which is no path: embedded null byte"),
        (lambda **_: mj.read_corpus(HALF), r"^path is 'a\\ud800b', which is no path: .* surrogates not allowed"),
        (lambda **_: mj.read_corpus(LONG), "^path is 'aaa.*, which is no path: File name too long"),
        (lambda **_: mj.read_corpus(""), "^path is '', which is no path: it is empty"),
        (lambda **_: mj.read_corpus(None), "takes the path of a file, found a NoneType"),
        (lambda f, **_: mj.read_corpus(f, validation=NUL), "^validation is .* which is no path"),
        (lambda **_: mj.ReadOptions(labels=[]), "^labels cannot be empty"),
        (lambda **_: mj.load(3), r"^folder is 3 \(int\); expected str \| Path"),
        (lambda **_: mj.load(None), r"^folder is None \(NoneType\); expected str \| Path"),
        (lambda **_: mj.load(LONG), "^folder is .* File name too long"),
        (lambda **_: mj.load("mini/sentiment", precision="x"), "^precision is 'x'; it must be one of fp32, bf16"),
        (lambda m, **_: m.with_threshold(7), "^threshold=… must be between 0 and 1, found 7"),
        (lambda m, **_: m.with_threshold("x"), r"^threshold=\"x\" is neither a number nor f1"),
        (lambda m, **_: m.with_threshold([0.5]), r"^threshold is \[0\.5\] \(list\); expected float \| str \| None"),
        (lambda m, **_: m.predict(None), r"^Text 0 \(counted from 0\) is None"),
        (lambda m, **_: m.predict_many(3), "^Expected a list of texts, found a int"),
        (lambda m, **_: m.save(3), r"^folder is 3 \(int\)"),
        (lambda **_: mj.explain(3, "가"), r"^model is 3 \(int\); expected Predictor"),
        (lambda m, **_: mj.explain(m, "가", max_words="x"), r"^max_words is 'x' \(str\); expected int"),
        (lambda m, **_: mj.explain(m, "가", max_words=-1), "^max_words must be above 0, found -1"),
        (lambda **_: mj.TrainConfig(epochs="x"), "^epochs is 'x'; expected a number"),
        (lambda **_: mj.TrainConfig(clean={}), r"^clean is \{\}; expected a CleanConfig"),
        (lambda **_: mj.CleanConfig(steps=3), "^steps is 3; expected a list of names"),
        (lambda **_: mj.load_corpus(3), r"^name is 3 \(int\); expected str"),
        (lambda **_: mj.load_corpus("nsmc", data_dir=3), r"^data_dir is 3 \(int\); expected str \| Path \| None"),
        (lambda **_: mj.load_corpus("sample:sentiment", seed=-1), "^seed must lie between 0"),
        (lambda c, **_: mj.clean_corpus(c, {}), r"^config is \{\} \(dict\); expected CleanConfig \| None"),
        (lambda c, **_: mj.with_validation(c, "x"), r"^share is 'x' \(str\); expected float"),
        (lambda **_: mj.with_validation(3), "^Expected a Corpus, found a int"),
        (lambda **_: mj.describe(3), "^Expected a Corpus, found a int"),
        (lambda c, **_: mj.train(c, 3), r"^config is 3 \(int\); expected TrainConfig \| None"),
        (lambda c, **_: mj.train(c, out=NUL), "^out is .* which is no path"),
        (lambda c, **_: mj.train(c, baseline="no", **LINEAR), r"^baseline is 'no' \(str\); expected bool"),
        (lambda c, **_: mj.train(c, sentences="x", **LINEAR), r"^sentences is 'x' \(str\); expected Sequence\[str\]"),
        (lambda **_: mj.train_heads(3), r"^corpora is 3 \(int\); expected Mapping\[str, Corpus\]"),
        (lambda c, **_: mj.train_heads({3: c}), r"^corpora is \{3: .* expected Mapping\[str, Corpus\]"),
        (lambda c, **_: mj.train_heads({"a": c}, more=3), r"^more is 3 \(int\)"),
        (lambda c, **_: mj.evaluate(3, c), r"^model is 3 \(int\); expected Predictor"),
        (lambda m, **_: mj.evaluate(m, 3), "^Expected a Corpus or a list of Examples"),
        (lambda m, c, **_: mj.evaluate(m, c, split="train", label_map={"긍정": 3}), r"^label_map is .* Mapping\[str"),
        (lambda m, c, **_: mj.evaluate(m, c, split="x"), "^Unknown split 'x'"),
        (lambda **_: mj.compare(3, None), r"^first is 3 \(int\); expected Report"),
        (lambda **_: mj.analyze(3), "^Expected a list of texts, found a int"),
        (lambda **_: mj.analyze("가", tasks=[3]), r"^tasks is \[3\] \(list\); expected Iterable\[str\] \| None"),
        (lambda **_: mj.analyze("가", model=3), r"^model is 3 \(int\)"),
        (lambda **_: mj.Analyzer(tasks=3), r"^tasks is 3 \(int\)"),
        (lambda **_: mj.triples(None), r"^tree is None \(NoneType\); expected Tree \| Parse"),
        (lambda f, **_: mj.predict_files("mini/sentiment", f, 3), r"^out is 3 \(int\)"),
        (lambda f, out, **_: mj.predict_files("mini/sentiment", f, out, workers="x"), r"^workers is 'x' \(str\)"),
        (lambda f, out, **_: mj.predict_files("mini/sentiment", [3], out), r"^sources is \[3\] \(list\)"),
        (lambda f, out, **_: mj.predict_files("mini/sentiment", [NUL], out), "^sources is 'a.* which is no path"),
        (lambda **_: mj.LabelSet("긍정"), "^The names of labels are '긍정'; expected a tuple of texts"),
        (lambda **_: mj.LabelSet(("a", 3)), r"^The names of labels are \('a', 3\)"),
        (lambda **_: mj.Corpus("a", "classification", 3), "^The names of labels are 3"),
        (lambda **_: mj.Corpus("a", "classification", ("a",), train=[mj.Example("x", ("a", 3))]), "holds 3; labels"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_named_with_what_was_expected(call, message, given):
    with pytest.raises(mj.MunjangError, match=message) as caught:
        call(**given)
    assert "\n" not in str(caught.value)


def test_a_text_without_content_has_no_label_however_it_is_asked(given):
    explained, predicted = mj.explain(given["m"], ""), given["m"].predict("")
    assert (explained.label, explained.score, explained.note) == (predicted.label, predicted.score, predicted.note)
    assert (predicted.label, predicted.score, predicted.note) == (None, 0.0, "empty")


def test_every_public_function_checks_its_arguments():
    functions = {name for name in mj.__all__ if inspect.isfunction(getattr(mj, name))}
    unchecked = {name for name in functions if not hasattr(getattr(mj, name), "__wrapped__")}
    assert unchecked == {"describe", "set_language"}  # which take only a corpus, and any text


@pytest.mark.parametrize("language", ["fr", "", None, 5])
def test_what_is_no_language_of_munjang_gives_english(language):
    mj.set_language(language)
    assert translation.language() == "en" and translation._("rows") == "rows"


def test_numbers_of_numpy_and_other_paths_fit(given, tmp_path):
    numpy = pytest.importorskip("numpy")

    @checked()
    def takes(count: int, share: float, name: str | None = None, items: Unknown | None = None):  # noqa: F821
        return count, share, name, items

    assert takes(numpy.int64(3), numpy.float32(0.5)) == (3, 0.5, None, None)
    assert takes(3, 1, items=object)[1] == 1
    with pytest.raises(mj.MunjangError, match=r"^count is True \(bool\); expected int"):
        takes(True, 1)
