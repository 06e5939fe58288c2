"""`munjang evaluate` as a user types it, with linear models trained on a few sentences."""

import csv
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from munjang.cli import app
from munjang.config.settings import CleanConfig, TrainConfig
from munjang.errors import ConfigError, DataError
from munjang.records import Corpus, Example, LabelSet
from munjang.training.run import train

GOOD = ["정말 재밌고 좋았어요", "배우 연기가 최고였다", "감동적이고 좋은 영화", "또 보고 싶은 재밌는 작품"]
BAD = ["너무 지루하고 별로였다", "돈이 아까운 최악의 영화", "재미없고 지루해요", "최악이다 정말 별로"]
LABELS = LabelSet(("부정", "긍정"), {"0": "부정", "1": "긍정", "negative": "부정", "positive": "긍정"})


def make_model(folder: Path, seen: list[str], *, task: str = "classification") -> Path:
    rows = [(text, "긍정" if text in GOOD else "부정") for text in seen]
    label = (lambda name: (name,)) if task == "multi-label" else str
    examples = [Example(f"{text} {k}", label(name)) for k in range(4) for text, name in rows]
    corpus = Corpus("films", task, LABELS, examples, examples[::2], examples[:4])
    clean = CleanConfig(duplicates=False, leaks=False)
    return train(corpus, TrainConfig(backbone="linear", clean=clean), out=folder).folder


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    make_model(folder / "good", [*GOOD, *BAD])
    make_model(folder / "poor", [GOOD[0], BAD[0]])
    make_model(folder / "several", [*GOOD, *BAD], task="multi-label")
    return folder


def write_csv(path: Path, names: tuple[str, str] = ("부정", "긍정"), extra: list[list[str]] = ()) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["본문", "감정"])
        writer.writerows([[text, names[text in GOOD]] for pair in zip(GOOD, BAD, strict=True) for text in pair])
        writer.writerows(extra)
    return path


def run(*arguments: str | Path) -> str:
    """What the command prints to stdout; its error is raised."""
    result = CliRunner().invoke(app, ["evaluate", *map(str, arguments)], catch_exceptions=False)
    if result.exit_code:
        raise result.exception
    return result.stdout


def test_a_model_of_several_labels_asks_how_a_file_separates_them(models, tmp_path):
    source = write_csv(tmp_path / "reviews.csv")
    with pytest.raises(ConfigError, match=r"several gives several labels to a text\. .* --multi-label '\|'"):
        run(models / "several", source)
    assert run(models / "several", source, "--multi-label", "|").startswith("several on reviews, test: 8 texts")


@pytest.mark.parametrize(
    ("flag", "name", "why"),
    [
        ("--plot", "x.jpg", r"--plot draws a PNG; x\.jpg should be x\.png"),
        ("--plot", "x", r"x should be x\.png"),
        ("--plot", "nowhere/x.png", "There is no folder .*nowhere to write x.png into"),
        ("--json", "folder", "folder is a folder; name a file in it"),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_work(models, tmp_path, flag, name, why):
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError, match=why):
        run(models / "good", write_csv(tmp_path / "reviews.csv"), flag, tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "reviews.csv"]


def test_a_file_is_scored_and_the_reading_noted(models, tmp_path):
    printed = run(models / "good", write_csv(tmp_path / "reviews.csv"))
    assert printed.startswith("good on reviews, test: 8 texts\n")
    assert "accuracy    1.0000" in printed and "true \\ predicted" in printed
    last = (models / "good" / "run" / "test_reads.jsonl").read_text(encoding="utf-8").splitlines()[-1]
    assert json.loads(last)["corpus"] == "reviews"


def test_two_models_are_compared_live_and_from_a_report_file(models, tmp_path):
    source, report = write_csv(tmp_path / "reviews.csv"), tmp_path / "poor.json"
    live = run(models / "good", source, "--against", models / "poor")
    assert "good and poor" in live or "good is better than poor" in live
    run(models / "poor", source, "--json", report, "--no-spaceless")
    stored = run(models / "good", source, "--against", report)
    assert stored.split("\n\n")[-2:] == live.split("\n\n")[-2:]


def test_the_values_of_a_column_are_scored_by_themselves(models, tmp_path):
    source = tmp_path / "products.csv"
    rows = [(text, "긍정", "의자") for text in GOOD] + [(text, "부정", "이불") for text in BAD]
    with source.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("본문", "감정", "제품"), *rows, ("정말 별로", "긍정", "")])
    printed = run(models / "good", source, "--by", "제품", "--json", tmp_path / "report.json")
    assert re.search(r"제품 +texts +accuracy", printed) and re.search(r"\(empty\) +1 +0\.0000", printed)
    slices = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["slices"]
    assert [(item["value"], item["n"], item["score"]) for item in slices[0]["slices"]] == [
        ("의자", 4, 1.0), ("이불", 4, 1.0), ("", 1, 0.0),
    ]  # fmt: skip
    with pytest.raises(ConfigError, match="--by is for a file of your own; sample:sentiment comes with its columns"):
        run(models / "good", "sample:sentiment", "--by", "제품")
    with pytest.raises(DataError, match=r"No column '상품' in .*; it has 본문, 감정, 제품\. Say --by COLUMN"):
        run(models / "good", source, "--by", "상품")


def test_english_names_that_the_model_knows_need_no_map(models, tmp_path):
    printed = run(models / "good", write_csv(tmp_path / "reviews.csv", ("negative", "positive")))
    assert "accuracy    1.0000" in printed


def test_numbers_and_strange_names_need_a_map(models, tmp_path):
    numbers = write_csv(tmp_path / "numbers.csv", ("0", "1"))
    with pytest.raises(DataError, match="--map '0=부정;1=긍정'"):
        run(models / "good", numbers)
    assert "accuracy    1.0000" in run(models / "good", numbers, "--map", "0=부정;1=긍정")
    assert "accuracy    0.0000" in run(models / "good", numbers, "--map", "1=부정;0=긍정")


def test_a_stray_label_is_named_and_can_be_left_out(models, tmp_path):
    source = write_csv(tmp_path / "reviews.csv", extra=[["그저 그렇다", "중립"]])
    with pytest.raises(DataError, match=r"does not know the labels '중립' \(1\).*--labels 긍정,부정 to leave"):
        run(models / "good", source)
    assert "8 texts (left out: 1 with a label outside the set)" in run(models / "good", source, "--labels", "부정,긍정")


def test_a_file_with_one_label_only_can_be_scored(models, tmp_path):
    source = tmp_path / "good.csv"
    source.write_text("본문,감정\n" + "".join(f"{text},긍정\n" for text in GOOD), encoding="utf-8")
    assert "accuracy    1.0000" in run(models / "good", source)


def test_the_confusion_matrix_is_drawn(models, tmp_path):
    pytest.importorskip("matplotlib")
    plot = tmp_path / "confusion.png"
    run(models / "good", write_csv(tmp_path / "reviews.csv"), "--plot", plot)
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_written_or_drawn_is_refused_before_the_work(models, tmp_path):
    source = write_csv(tmp_path / "reviews.csv")
    with pytest.raises(ConfigError, match=r"There is no folder .*nowhere to write report.json into"):
        run(models / "good", source, "--json", tmp_path / "nowhere" / "report.json")
    with pytest.raises(ConfigError, match="has no confusion matrix"):
        run(models / "several", source, "--plot", tmp_path / "confusion.png")
    with pytest.raises(ConfigError, match="--split is 'valid'"):
        run(models / "good", source, "--split", "valid")


def test_another_report_over_other_texts_is_refused(models, tmp_path):
    report = tmp_path / "report.json"
    run(models / "good", write_csv(tmp_path / "reviews.csv"), "--json", report)
    longer = write_csv(tmp_path / "longer.csv", extra=[["또 볼래요", "긍정"], ["또 보기 싫다", "부정"]])
    with pytest.raises(DataError, match="Different texts"):
        run(models / "good", longer, "--against", report)


def test_how_many_errors_are_printed_is_the_users_choice(models, tmp_path):
    source = write_csv(tmp_path / "numbers.csv", ("0", "1"))
    printed = run(models / "good", source, "--map", "1=부정;0=긍정", "--top-errors", "3")
    assert len(printed.split("Most confident errors\n")[1].strip().split("\n")) == 2 + 3
    assert run(models / "good", source, "--map", "1=부정;0=긍정", "--worst", "3") == printed  # the flag's earlier name
    assert "Most confident errors" not in run(models / "good", source, "--map", "1=부정;0=긍정", "--top-errors", "0")


def test_the_command_needs_neither_torch_nor_scikit_learn(models, tmp_path):
    source = write_csv(tmp_path / "reviews.csv")
    code = (
        "import sys; from munjang.cli import main\n"
        f"sys.argv = ['munjang', 'evaluate', {str(models / 'good')!r}, {str(source)!r}]\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'sklearn', 'scipy', 'torch', 'transformers'} & set(sys.modules)))"
    )
    printed = subprocess.check_output([sys.executable, "-c", code], text=True, stderr=subprocess.DEVNULL)
    assert printed.splitlines()[-1] == "[]"


@pytest.mark.corpora
def test_the_baseline_reaches_its_score_on_nsmc(data_dir, tmp_path):
    from munjang.data.corpora.table import load_corpus
    from munjang.evaluation.evaluate import evaluate

    corpus = load_corpus("nsmc", str(data_dir))
    part = corpus.with_splits(train=corpus.train[:20_000])
    model = train(part, TrainConfig(backbone="linear"), out=tmp_path / "nsmc")
    report = evaluate(model, part, without_spaces=False)
    assert report.metrics["accuracy"] > 0.83  # 0.874 from all 150,000
    assert report.calibration_error < 0.03


def test_a_map_leaves_the_labels_alone_that_the_model_has(models, tmp_path):
    source = write_csv(tmp_path / "mixed.csv", extra=[["정말 별로였다", "neg"], ["지루하고 최악", "neg"]])
    report = tmp_path / "report.json"
    run(models / "good", source, "--map", "neg=부정", "--json", report)
    assert json.loads(report.read_text(encoding="utf-8"))["n"] == 10


def test_numbers_in_a_file_are_not_read_as_names(models, tmp_path, caplog):
    source = write_csv(tmp_path / "numbers.csv", names=("0", "1"))
    caplog.set_level("INFO", "munjang")
    with pytest.raises(DataError, match="does not know the labels"):
        run(models / "good", source)
    assert "0 = " not in caplog.text


def test_a_file_that_is_no_report_is_named_before_anything_is_scored(models, tmp_path):
    other = tmp_path / "q{x}.json"
    other.write_text('{"a": 1}', encoding="utf-8")
    message = f"{other}: This is no report of munjang evaluate: it has no key 'task'."
    with pytest.raises(DataError, match=re.escape(message)):
        run(models / "good", write_csv(tmp_path / "a.csv"), "--against", other)


def test_labels_with_commas_are_named_as_the_message_says(tmp_path):
    labels = LabelSet(("배송, 포장", "가격"))
    rows = [Example(f"{text} {k}", labels.names[text in GOOD]) for k in range(4) for text in (*GOOD, *BAD)]
    clean = CleanConfig(duplicates=False, leaks=False)
    corpus = Corpus("parts", "classification", labels, rows, rows[::2], rows[:4])
    train(corpus, TrainConfig(backbone="linear", clean=clean), out=tmp_path / "m")
    source = write_csv(tmp_path / "a.csv", labels.names, extra=[["그저 그렇다", "색, 크기"]])
    with pytest.raises(DataError) as caught:
        run(tmp_path / "m", source)
    message = str(caught.value)
    known = shlex.split(message.partition("Give --labels ")[2].partition(" to leave")[0])[0]
    assert known == '"배송, 포장",가격' or known == '가격,"배송, 포장"'
    assert "8 texts (left out: 1" in run(tmp_path / "m", source, "--labels", known)
    assert "9 texts" in run(tmp_path / "m", source, "--map", '"색, 크기"="배송, 포장"')
    assert "9 texts" in run(tmp_path / "m", source, "--map", "색, 크기=가격")
    predicted = CliRunner().invoke(
        app, ["predict", str(tmp_path / "m"), str(source), "--keep", '"배송, 포장"'], catch_exceptions=False
    )
    assert predicted.stdout and all(line.startswith("배송, 포장\t") for line in predicted.stdout.splitlines())


def test_columns_of_ones_and_zeros_are_scored(models, tmp_path):
    source = tmp_path / "onehot.csv"
    rows = [f"{text},{int(text in GOOD)},{int(text in BAD)}" for text in (*GOOD, *BAD)]
    source.write_text("본문,긍정,부정\n" + "\n".join(rows) + "\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="or the columns of the labels with --label"):
        run(models / "several", source)
    assert "several on onehot, test: 8 texts" in run(models / "several", source, "--label", "긍정,부정")


def write_doubtful(path: Path, rows: int = 120) -> Path:
    """Reviews, one in five with words of both kinds and a label by lot."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["본문", "감정"])
        for number in range(rows):
            good, bad = GOOD[number % 4], BAD[number % 3]
            both = (f"{good} {bad} {number}", ["부정", "긍정"][number % 2])
            plain = (f"{good} {number}", "긍정") if number % 2 else (f"{bad} {number}", "부정")
            writer.writerow(both if number % 5 == 0 else plain)
    return path


def test_a_model_is_calibrated_with_a_file_and_then_keeps_a_promise(models, tmp_path):
    model, path = make_model(tmp_path / "model", [*GOOD, *BAD]), write_doubtful(tmp_path / "a.csv")
    before = run(model, path, "--no-spaceless", "--json", tmp_path / "before.json")
    with pytest.raises(ConfigError, match=r"--min-precision=0\.99.*is neither|cannot be promised"):
        run(model, path, "--min-precision", "0.99", "--no-spaceless")
    shown = run(
        model, path, "--calibrate", "--min-precision", "0.9", "--no-spaceless", "--json", tmp_path / "after.json"
    )
    assert re.search(
        r"90 of 100 right: answers \d+% of the texts, leaves \d+% to a person \(--min-precision 0\.9\)", shown
    )
    assert "The scores below are on the same texts" in shown and "Minimum precision 0.9: " in shown
    first, second = (json.loads((tmp_path / name).read_text("utf-8")) for name in ("before.json", "after.json"))
    assert first["metrics"] == second["metrics"] and first["predicted"] == second["predicted"]
    assert first["accepted"] is None and second["accepted"]["labels"] == 120
    assert second["accepted"]["right"] / second["accepted"]["given"] >= 0.9
    assert "Minimum precision 0.9" not in before


@pytest.mark.parametrize("words", ["high", "긍정=0.9,부정", "0.9,0.8", "긍정=", "0.9,"])
def test_a_minimum_precision_that_is_none_is_refused(models, tmp_path, words):
    with pytest.raises(ConfigError, match=r"is neither a number, such as 0\.95, nor a label with one"):
        run(models / "good", write_csv(tmp_path / "a.csv"), "--min-precision", words)
