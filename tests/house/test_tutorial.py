"""The tutorial's code runs from top to bottom, offline, and prints what the tutorial shows."""

import contextlib
import json
import re
import socket
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas
import pytest

DOCS = Path(__file__).parents[2] / "docs"
sys.path.insert(0, str(DOCS))

from make_notebook import TUTORIAL, read_cells, run_cells, to_notebook  # noqa: E402

CELLS = list(read_cells(TUTORIAL.read_text(encoding="utf-8")))
CODE = [cell for cell in CELLS if cell.kind == "code"]


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory):
    """Everything run once: the names at the end, what each block printed, the folder, hosts that were asked for."""
    names, calls, folder = {"__name__": "__main__"}, [], tmp_path_factory.mktemp("tutorial")

    def refuse(self, address):
        calls.append(address)
        raise OSError("the tutorial runs offline")

    option = pandas.option_context("display.unicode.east_asian_width", False)  # as it was before, afterwards
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(folder), option:
        patch.setattr(socket.socket, "connect", refuse)
        printed = list(run_cells(CELLS, names))
    return SimpleNamespace(**names, printed=printed, folder=folder, calls=calls)


def test_the_steps_of_the_course_stand_in_their_order():
    headings = re.findall(r"^## (\d+)\. ", TUTORIAL.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == [str(step) for step in range(1, 14)]


def test_blocks_print_what_the_tutorial_shows(tutorial):
    for cell, printed in zip(CODE, tutorial.printed, strict=True):
        if cell.varies:
            assert printed.strip() and cell.output.strip(), cell.text
        else:
            assert printed.split() == (cell.output or "").split(), cell.text


def test_it_needs_no_network(tutorial):
    assert tutorial.calls == []


def test_what_was_put_in_is_what_cleaning_takes_out(tutorial):
    removed = [row.step for row in tutorial.cleaning_report.removed]
    assert (removed.count("empty"), removed.count("duplicate"), removed.count("conflict")) == (2, 3, 2)
    assert sum(tutorial.cleaning_report.rows_after.values()) == len(tutorial.table) + len(tutorial.corpus.test)


def test_the_length_histogram_is_written(tutorial):
    assert all((tutorial.folder / name).stat().st_size > 5000 for name in ("lengths.png", "lengths-plain.png"))


def test_the_settings_for_the_real_corpus_are_the_course_s(tutorial):
    tutorial.BACKBONE = "klue/bert-base"
    args = tutorial.training_arguments(tutorial.course, str(tutorial.folder / "course"))
    assert (args.num_train_epochs, args.per_device_train_batch_size, args.per_device_eval_batch_size) == (1, 32, 64)
    assert (args.warmup_steps, args.weight_decay, args.learning_rate) == (500, 0.01, 5e-5)
    assert (args.logging_steps, args.save_steps, args.eval_steps, args.save_total_limit) == (500, 500, 500, 2)


def test_two_checkpoints_are_kept(tutorial):
    assert len(list((tutorial.folder / "runs" / "trainer").glob("checkpoint-*"))) == 2


def test_both_loops_learn_and_munjang_scores_the_same_model_the_same(tutorial):
    assert tutorial.trainer_scores["accuracy"] > 0.6 and tutorial.loop_scores["accuracy"] > 0.6
    for name, value in tutorial.trainer_scores.items():
        assert tutorial.report.metrics[name] == pytest.approx(value, abs=1e-6)


def test_pipeline_function_and_munjang_give_the_same_answers(tutorial):
    for function, pipeline, munjang in zip(
        tutorial.function_answers, tutorial.pipeline_answers, tutorial.munjang_answers, strict=True
    ):
        assert function["label"] == pipeline["label"] == munjang.label
        assert function["score"] == pytest.approx(pipeline["score"], abs=1e-4)
        assert function["score"] == pytest.approx(munjang.score, abs=1e-4)


def test_seven_classes_are_learnt_by_name(tutorial):
    labels = set(tutorial.topics.labels)
    assert len(labels) == 7 and labels == set(tutorial.topic_trainer.model.config.label2id)
    assert tutorial.topic_scores["accuracy"] > 0.3
    assert {answer["label"] for answer in tutorial.topic_answers} == labels
    assert tutorial.topic_answer["label"] == tutorial.topic_answers[0]["label"]


def test_the_notebook_holds_the_same_code_in_the_same_order():
    notebook = json.loads(TUTORIAL.with_suffix(".ipynb").read_text(encoding="utf-8"))
    blocks = re.findall(r"^```python\n(.*?)^```$", TUTORIAL.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    code = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert code == [block.rstrip("\n") for block in blocks]


def test_the_notebook_is_up_to_date():
    assert TUTORIAL.with_suffix(".ipynb").read_text(encoding="utf-8") == to_notebook(CELLS), (
        "Edit tutorial.ko.md, then run: python docs/make_notebook.py"
    )


def test_the_notebook_is_well_formed():
    notebook = json.loads(TUTORIAL.with_suffix(".ipynb").read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in notebook["cells"]:
        wanted = {"id", "cell_type", "metadata", "source"}
        assert set(cell) == wanted | ({"outputs", "execution_count"} if cell["cell_type"] == "code" else set())
