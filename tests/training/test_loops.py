"""Every setting and every kind of task, through both loops."""

import math

import pytest

pytest.importorskip("torch")
from training_fixtures import Outcome, make_job, run_job

LOOPS = ("native", "trainer")


@pytest.fixture(scope="module", params=LOOPS)
def plain(request, tmp_path_factory) -> Outcome:
    """The run that each setting is compared with."""
    return run_job(make_job(tmp_path_factory.mktemp("plain"), loop=request.param, log_every=1))


def last_step(outcome: Outcome) -> int:
    return max(step for step, _ in outcome.rows("loss"))


CHECKS = {
    "epochs": (1.5, lambda run, plain: last_step(run) == 9 and last_step(plain) == 12),
    "batch_size": (32, lambda run, plain: last_step(run) == 6),
    "eval_batch_size": (
        4,
        lambda run, plain: math.isclose(run.selection.best[1], plain.selection.best[1], rel_tol=1e-3),
    ),
    "learning_rate": (1e-5, lambda run, plain: peak(run)[1] <= 1e-5 < peak(plain)[1] <= 1e-3),
    "warmup": (6, lambda run, plain: peak(run)[0] == 7 and peak(plain)[0] == 2),
    "weight_decay": (0.5, lambda run, plain: norm(run) < norm(plain)),
    "max_grad_norm": (1e-3, lambda run, plain: run.weights != plain.weights),
    "dropout": (
        0.3,
        lambda run, plain: run.job.model.config.hidden_dropout_prob == 0.3 and run.weights != plain.weights,
    ),
    "max_length": (8, lambda run, plain: run.job.train.lengths.max() == 8 and run.weights != plain.weights),
    "class_weights": ("balanced", lambda run, plain: run.weights != plain.weights),
    "adversarial": (1.0, lambda run, plain: run.weights != plain.weights),
    "augment": (("typos",), lambda run, plain: run.weights != plain.weights),
    "log_every": (4, lambda run, plain: [step for step, _ in run.rows("loss")] == [4, 8, 12]),
    "save_every": (5, lambda run, plain: run.checkpoint_steps == [10, 12] and plain.checkpoint_steps == [6, 12]),
    "eval_every": (4, lambda run, plain: [step for step, _ in run.rows("validation_loss")] == [4, 8, 12]),
    "keep_checkpoints": (1, lambda run, plain: run.checkpoint_steps == [12]),
    "keep_best": (False, lambda run, plain: not list(run.job.checkpoints.glob("best-*"))),
    "seed": (14, lambda run, plain: run.weights != plain.weights),
    "precision": ("bf16", lambda run, plain: run.weights != plain.weights and run.rows("loss")[-1][1] < 0.75),
    "device": ("cpu", lambda run, plain: next(run.job.model.parameters()).device.type == "cpu"),
}


def peak(outcome: Outcome) -> tuple[int, float]:
    """The step after which the learning rate was highest, and that rate."""
    return max(outcome.rows("learning_rate"), key=lambda row: row[1])


def norm(outcome: Outcome) -> float:
    return float(sum(p.detach().pow(2).sum() for p in outcome.job.model.parameters() if p.ndim == 2))


@pytest.mark.parametrize("setting", CHECKS)
def test_a_setting_takes_effect_in_both_loops(setting, plain, tmp_path):
    value, holds = CHECKS[setting]
    run = run_job(make_job(tmp_path, loop=plain.job.config.loop, **{"log_every": 1, setting: value}))
    assert holds(run, plain), f"{setting}={value}: {run.selection}, log {run.log[-3:]}, saved {run.checkpoint_steps}"


@pytest.mark.parametrize("loop", LOOPS)
def test_patience_stops_when_nothing_gets_better(loop, tmp_path):
    run = run_job(make_job(tmp_path, loop=loop, epochs=50, learning_rate=1e-9, eval_every=2, patience=3, log_every=1))
    assert last_step(run) < 100
    assert run.selection.rounds_without == 3


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("kind", ["binary", "multi-class", "multi-label", "heads"])
def test_each_kind_of_task_is_learnt_by_heart(kind, loop, tmp_path):
    job = make_job(tmp_path, kind, sentences=48, epochs=60, learning_rate=2e-3, dropout=0.0, loop=loop, eval_every=60)
    run = run_job(job)
    losses = [value for _, value in run.rows("loss")]
    assert losses[-1] < 0.15, losses


def test_both_loops_take_the_same_number_of_steps_and_sentences(tmp_path):
    native, trainer = (make_job(tmp_path / loop, loop=loop, sentences=90) for loop in LOOPS)
    assert native.total_steps == 12
    assert last_step(run_job(native)) == last_step(run_job(trainer)) == 12


def test_both_loops_learn_from_the_same_batches_in_every_epoch(tmp_path):
    native, trainer = (run_job(make_job(tmp_path / loop, loop=loop, log_every=1)).rows("loss") for loop in LOOPS)
    assert len(native) == 12
    assert [loss for _, loss in trainer] == pytest.approx([loss for _, loss in native], rel=2e-3)
