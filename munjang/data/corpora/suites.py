"""Benchmark suites: what their tasks ask, how large they are, how they are scored, and which munjang trains."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SuiteTask:
    """One task of a suite. train, validation: rows. corpus: its name in munjang's table, "" where it has none."""

    name: str
    title: str
    asks: str
    train: int
    validation: int
    metric: str
    corpus: str = ""


@dataclass(frozen=True)
class Suite:
    """A benchmark of several tasks."""

    name: str
    title: str
    licence: str
    citation: str
    homepage: str
    note: str
    tasks: tuple[SuiteTask, ...]


KLUE_SUITE = Suite(
    name="klue",
    title="KLUE: Korean Language Understanding Evaluation",
    licence="CC BY-SA 4.0",
    citation="Park et al. (2021), KLUE: Korean Language Understanding Evaluation, NeurIPS Datasets and Benchmarks, "
    "arXiv:2105.09680",
    homepage="https://klue-benchmark.com",
    note="The test splits are not published; scores on validation run a little higher than the published ones.",
    tasks=(
        SuiteTask(
            "ynat",
            "topic classification",
            "Which of seven topics does a news headline belong to?",
            45_678,
            9_107,
            "macro-F1",
            corpus="ynat",
        ),
        SuiteTask(
            "sts",
            "semantic textual similarity",
            "How similar in meaning are two sentences, from 0 to 5?",
            11_668,
            519,
            "Pearson's r, F1",
        ),
        SuiteTask(
            "nli",
            "natural language inference",
            "Does the premise entail, contradict or leave open the hypothesis?",
            24_998,
            3_000,
            "accuracy",
        ),
        SuiteTask(
            "ner",
            "named entity recognition",
            "Which characters name a person, place, organisation, date, time or quantity?",
            21_008,
            5_000,
            "entity and character macro-F1",
        ),
        SuiteTask(
            "re",
            "relation extraction",
            "Which of 30 relations holds between two entities of a sentence?",
            32_470,
            7_765,
            "micro-F1 without no_relation, AUPRC",
        ),
        SuiteTask(
            "dp",
            "dependency parsing",
            "Which word does each word hang from, and by which of 38 relations?",
            10_000,
            2_000,
            "UAS, LAS (both as macro-F1)",
        ),
        SuiteTask(
            "mrc",
            "machine reading comprehension",
            "Which span of a passage answers the question, if any?",
            17_554,
            5_841,
            "exact match, ROUGE-W",
        ),
        SuiteTask(
            "wos",
            "dialogue state tracking",
            "What has the user asked for so far, as values of slots?",
            8_000,
            1_000,
            "joint goal accuracy, slot micro-F1",
        ),
    ),
)

SUITES: dict[str, Suite] = {suite.name: suite for suite in (KLUE_SUITE,)}
