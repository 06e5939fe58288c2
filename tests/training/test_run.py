"""A training run from outside: what is refused before anything is lost, and what is kept if it fails."""

import gc
import json
import os
import signal
from dataclasses import replace
from types import SimpleNamespace

import pytest

pytest.importorskip("torch")
from kills.points import in_child
from safetensors.torch import load_file, save_file
from training_fixtures import NAMES, examples, make_job, run_job

import munjang as mj
from munjang.errors import BundleError, ConfigError, DataError, FetchError
from munjang.files.outputs import sole_writer, work_of_folder
from munjang.files.processes import machine
from munjang.records import Corpus, Example, LabelSet
from munjang.tasks.classification import Classification
from munjang.training.fine_tune import choose_epochs
from munjang.training.loops.interrupts import Interrupted
from munjang.training.scoring import TrainedRun

QUICK = mj.TrainConfig(backbone="scratch:tiny", epochs=1, batch_size=16)
CORPUS = Corpus("few", "classification", LabelSet(NAMES["binary"]), examples("binary", 160))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return mj.train(CORPUS, QUICK, out=tmp_path_factory.mktemp("run") / "m")


@pytest.fixture
def folder(trained, tmp_path):
    return trained.save(tmp_path / "m")


@pytest.fixture
def broken(tmp_path):
    """A backbone folder that has nothing to load."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{}", encoding="utf-8")
    return str(tmp_path / "broken")


def test_a_failed_overwrite_brings_the_old_model_back(folder, broken):
    before, entries = mj.load(folder).predict("재밌다"), set(os.listdir(folder))
    with pytest.raises(FetchError):
        mj.train(CORPUS, mj.TrainConfig(backbone=broken), out=folder, overwrite=True)
    assert mj.load(folder).predict("재밌다") == before and set(os.listdir(folder)) == entries
    assert {path.name for path in folder.parent.iterdir()} == {"m", "broken"}


def test_a_good_overwrite_leaves_the_new_model_alone(folder):
    model = mj.train(CORPUS, mj.TrainConfig(backbone="scratch:tiny", epochs=1, seed=5), out=folder, overwrite=True)
    assert model.manifest.settings["seed"] == 5
    assert [path.name for path in folder.parent.iterdir()] == ["m"]


@pytest.mark.parametrize("target", ["m", "m/run/inner", "."])
def test_a_model_is_not_overwritten_by_what_starts_from_it(folder, target):
    config = mj.TrainConfig(backbone=str(folder), epochs=1)
    with pytest.raises(ConfigError, match=r"overlap. Choose another out=…"):
        mj.train(CORPUS, config, out=folder.parent / target, overwrite=True)
    assert mj.load(folder).predict("재밌다").label in CORPUS.labels


def test_a_run_that_failed_before_its_first_checkpoint_starts_again(tmp_path, broken):
    with pytest.raises(FetchError):
        mj.train(CORPUS, mj.TrainConfig(backbone=broken), out=tmp_path / "m")
    assert (tmp_path / "m" / "run" / "settings.json").exists()
    assert mj.train(CORPUS, QUICK, out=tmp_path / "m").predict("재밌다").label in CORPUS.labels


def test_weights_that_do_not_fit_their_config_are_refused(folder, tmp_path):
    weights = {f"other.{name}": tensor for name, tensor in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(FetchError, match=r"does not fit its own config\.json"):
        mj.train(CORPUS, mj.TrainConfig(backbone=str(folder), epochs=1), out=tmp_path / "n")


def test_a_damaged_backbone_is_one_line(folder, tmp_path):
    (folder / "tokenizer.json").write_text('{"version": "1.0"}', encoding="utf-8")
    with pytest.raises(FetchError, match=r"tokenizer of .* cannot be loaded"):
        mj.train(CORPUS, mj.TrainConfig(backbone=str(folder), epochs=1), out=tmp_path / "n")


def test_a_test_split_that_cleaning_empties_is_not_replaced(tmp_path):
    unknown = CORPUS.with_splits(test=[Example(f"문장 {i}", "중립") for i in range(5)])
    with pytest.raises(DataError, match="leaves nothing of the test split"):
        mj.train(unknown, QUICK, out=tmp_path / "m")


def test_a_test_file_of_other_labels_is_not_replaced(tmp_path):
    rows = "".join(f"{row.text}\t{row.label}\n" for row in CORPUS.train)
    (tmp_path / "train.tsv").write_text(f"text\tlabel\n{rows}", encoding="utf-8")
    other = "".join(f"sentence {i}\tpositive\nsentence no {i}\tnegative\n" for i in range(9))
    (tmp_path / "test.tsv").write_text(f"text\tlabel\n{other}", encoding="utf-8")
    with pytest.raises(DataError, match=r"test\.tsv: no row can be the test split"):
        mj.read_corpus(tmp_path / "train.tsv", test=tmp_path / "test.tsv")


def test_an_accelerator_that_is_not_there_is_not_replaced_in_silence(tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is an accelerator here")
    with pytest.raises(ConfigError, match="no accelerator here"):
        mj.train(CORPUS, mj.TrainConfig(backbone="scratch:tiny", device="cuda"), out=tmp_path / "m")


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder for temporary folders during a test."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_the_folder_of_a_run_without_out_is_deleted_with_its_model(temporary, recwarn):
    (temporary / f".munjang.{machine()}_{2**22 + 1}_1_0123456789abcdef").mkdir()  # of a process that was killed
    model = mj.train(CORPUS, replace(QUICK, backbone="linear"))
    (folder,) = temporary.iterdir()
    assert model.folder == folder / "model" and model.predict("좋아요").label in model.labels
    del model
    gc.collect()
    assert not list(temporary.iterdir())
    assert not [warning for warning in recwarn if warning.category is ResourceWarning]


def test_a_failed_run_without_a_folder_leaves_nothing(temporary, broken):
    with pytest.raises((FetchError, BundleError, ConfigError)):
        mj.train(CORPUS, replace(QUICK, backbone=broken))
    assert [path.name for path in temporary.iterdir()] == ["broken"]


def test_processes_of_torchrun_need_a_folder_that_all_know(monkeypatch):
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(ConfigError, match="out="):
        mj.train(CORPUS, QUICK)


def test_without_clipping_the_network_still_learns(tmp_path):
    run = run_job(make_job(tmp_path, max_grad_norm=0.0))
    assert float(run.job.model.classifier.bias.detach().abs().sum()) > 0


def test_the_folder_has_the_scores_of_its_own_weights(tmp_path):
    config = mj.TrainConfig(backbone="scratch:tiny", epochs=3, batch_size=16, keep_best=False)
    model = mj.train(CORPUS, config, out=tmp_path / "m")
    rows = [json.loads(line) for line in (tmp_path / "m" / "run" / "log.jsonl").read_text().splitlines()]
    last = [row for row in rows if "validation_loss" in row][-1]
    assert model.manifest.validation["step"] == last["step"]
    assert model.manifest.validation["loss"] == pytest.approx(last["validation_loss"])


def test_a_run_whose_cleaning_report_is_lost_writes_it_again(trained, folder):
    (folder / "run" / "removed.csv").unlink()
    mj.train(CORPUS, QUICK, out=folder, resume=True)
    assert (folder / "run" / "removed.csv").exists()


def test_what_is_no_run_is_never_deleted(tmp_path):
    (tmp_path / "diary.txt").write_text("mine")
    for how in ({}, {"overwrite": True}):
        with pytest.raises((ConfigError, BundleError)):
            mj.train(CORPUS, QUICK, out=tmp_path, **how)
    assert (tmp_path / "diary.txt").read_text() == "mine"


@pytest.mark.parametrize(("steps", "epochs"), [(9, 20), (30, 10), (31, 10), (100, 3), (5000, 3)])
def test_few_sentences_take_more_epochs_so_that_there_are_300_steps(steps, epochs):
    assert choose_epochs(Classification(LabelSet(NAMES["binary"])).training_defaults, steps) == epochs


def test_a_small_corpus_takes_more_epochs(tmp_path):
    model = mj.train(CORPUS, mj.TrainConfig(backbone="scratch:tiny", batch_size=16), out=tmp_path / "m")
    assert model.manifest.settings["epochs"] == 20  # 9 steps an epoch
    rows = (tmp_path / "m" / "run" / "log.jsonl").read_text().splitlines()
    assert json.loads(rows[-1])["step"] == 180


def test_several_labels_a_text_take_more_epochs_of_a_small_corpus_and_no_dropout(trained, tmp_path):
    corpus = Corpus("several", "multi-label", LabelSet(NAMES["multi-label"]), examples("multi-label", 160))
    config = mj.TrainConfig(backbone=str(trained.folder), batch_size=16)
    model = mj.train(corpus, config, out=tmp_path / "open")
    assert (model.manifest.settings["epochs"], model.manifest.settings["dropout"]) == (40, 0.0)
    model = mj.train(corpus, replace(config, epochs=1, dropout=0.25), out=tmp_path / "given")
    assert (model.manifest.settings["epochs"], model.manifest.settings["dropout"]) == (1, 0.25)
    assert json.loads((tmp_path / "given" / "config.json").read_text())["hidden_dropout_prob"] == 0.25


def test_an_interrupted_overwrite_leaves_the_old_model_and_goes_on_beside_it(folder, tmp_path, monkeypatch):
    from munjang.training.loops.native import NativeLoop

    config, train_step = replace(QUICK, seed=5, save_every=2), NativeLoop.train_step
    whole = mj.train(CORPUS, config, out=tmp_path / "whole", report=False)
    before, entries = mj.load(folder).predict("재밌다"), set(os.listdir(folder))

    def interrupted(self, indices):
        if self.step == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return train_step(self, indices)

    monkeypatch.setattr(NativeLoop, "train_step", interrupted)
    with pytest.raises(Interrupted, match=r"m/\.munjang/new/m/checkpoints"):
        mj.train(CORPUS, config, out=folder, overwrite=True, report=False)
    monkeypatch.undo()
    assert mj.load(folder).predict("재밌다") == before
    assert set(os.listdir(folder)) == {*entries, ".munjang"}
    model = mj.train(CORPUS, config, out=folder, resume=True, report=False)
    assert model.folder == folder and model.report.model == "m"
    assert load_file(folder / "model.safetensors").keys() == load_file(whole.folder / "model.safetensors").keys()
    assert (folder / "model.safetensors").read_bytes() == (whole.folder / "model.safetensors").read_bytes()
    assert set(os.listdir(folder)) == set(os.listdir(whole.folder))


def test_an_overwrite_keeps_what_the_user_put_into_the_folder(tmp_path):
    config = mj.TrainConfig(backbone="linear")
    mj.train(CORPUS, config, out=tmp_path / "m", report=False)
    (tmp_path / "m" / "notes.txt").write_text("mine")
    (tmp_path / "m" / "run" / "old").write_text("of the old run")
    model = mj.train(CORPUS, replace(config, seed=5), out=tmp_path / "m", report=False, overwrite=True)
    assert (tmp_path / "m" / "notes.txt").read_text() == "mine"
    assert not (tmp_path / "m" / "run" / "old").exists()
    assert model.manifest.settings["seed"] == 5 and model.folder == tmp_path / "m"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("how", [{}, {"overwrite": True}, {"resume": True}])
def test_a_second_training_into_a_folder_is_refused_at_once(tmp_path, how):
    out, config = tmp_path / "m", mj.TrainConfig(backbone="linear")
    with sole_writer(work_of_folder(out)):
        refused = in_child(lambda: mj.train(CORPUS, config, out=out, **how))
        assert os.listdir(out) == [".munjang"], "before anything was trained"
    assert refused.code and f"m is in use: process {os.getpid()} on" in refused.output


def test_a_page_of_an_overwrite_names_the_folder_where_the_model_is_in_the_end(tmp_path):
    pytest.importorskip("matplotlib")
    for __ in range(2):
        mj.train(CORPUS, mj.TrainConfig(backbone="linear"), out=tmp_path / "m", overwrite=True)
    page = (tmp_path / "m" / "run" / "report.html").read_text(encoding="utf-8")
    assert str(tmp_path / "m") in page and ".munjang" not in page


def test_what_to_change_next_time_is_said():
    def advice(epochs, usual, never=0, weights=None):
        settings = {"epochs": epochs, "class_weights": weights}
        labels = [SimpleNamespace(name=f"라벨{i}", support=3, predicted=0 if i < never else 3) for i in range(8)]
        model = SimpleNamespace(manifest=SimpleNamespace(settings=settings))
        return TrainedRun(model, report=SimpleNamespace(per_label=labels), usual_epochs=usual).advice

    assert advice(3, 3) == [] and advice(5, 17) == [] and advice(None, None) == []
    assert advice(2, 40) == ["2 epochs are few for so few sentences: left out, epochs=… would be 40."]
    (line,) = advice(3, 3, never=2)
    assert line.startswith("Never predicted: '라벨0', '라벨1'. Label more such texts") and "class_weights=" in line
    assert "'라벨4', …." in advice(3, 3, never=7)[0] and advice(3, 3, never=2, weights="balanced") == []
