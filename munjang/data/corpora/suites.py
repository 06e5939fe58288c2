"""Benchmark suites: what their tasks ask, how large they are, how they are scored, and which of them munjang trains."""

from __future__ import annotations

from dataclasses import dataclass

from munjang.translation import N_


@dataclass(frozen=True)
class SuiteTask:
    """One task of a suite. title, asks, metric: marked with `N_`, translated where they are shown.

    train, validation: rows. corpus: its name in munjang's table, "" if it is not there.
    """

    name: str
    title: str
    asks: str
    train: int
    validation: int
    metric: str
    corpus: str = ""


@dataclass(frozen=True)
class Suite:
    """A benchmark of several tasks. title, note: marked with `N_`, translated where they are shown."""

    name: str
    title: str
    licence: str
    citation: str
    homepage: str
    note: str
    tasks: tuple[SuiteTask, ...]


KLUE_SUITE = Suite(
    name="klue",
    title=N_("KLUE: Korean Language Understanding Evaluation"),
    licence="CC BY-SA 4.0",
    citation="Park et al. (2021), KLUE: Korean Language Understanding Evaluation, NeurIPS Datasets and Benchmarks, "
    "arXiv:2105.09680",
    homepage="https://klue-benchmark.com",
    note=N_("The test splits are not published; scores on validation run a little higher than the published ones."),
    tasks=(
        SuiteTask(
            "ynat",
            N_("topic classification"),
            N_("Which of seven topics does a news headline belong to?"),
            45_678,
            9_107,
            N_("macro-F1"),
            corpus="ynat",
        ),
        SuiteTask(
            "sts",
            N_("semantic textual similarity"),
            N_("How similar in meaning are two sentences, from 0 to 5?"),
            11_668,
            519,
            N_("Pearson's r, F1"),
        ),
        SuiteTask(
            "nli",
            N_("natural language inference"),
            N_("Does the premise entail, contradict or leave open the hypothesis?"),
            24_998,
            3_000,
            N_("accuracy"),
        ),
        SuiteTask(
            "ner",
            N_("named entity recognition"),
            N_("Which characters name a person, place, organisation, date, time or quantity?"),
            21_008,
            5_000,
            N_("entity and character macro-F1"),
        ),
        SuiteTask(
            "re",
            N_("relation extraction"),
            N_("Which of 30 relations holds between two entities of a sentence?"),
            32_470,
            7_765,
            N_("micro-F1 without no_relation, AUPRC"),
        ),
        SuiteTask(
            "dp",
            N_("dependency parsing"),
            N_("Which word does each word hang from, and by which of 38 relations?"),
            10_000,
            2_000,
            N_("UAS, LAS (both as macro-F1)"),
        ),
        SuiteTask(
            "mrc",
            N_("machine reading comprehension"),
            N_("Which span of a passage answers the question, if any?"),
            17_554,
            5_841,
            N_("exact match, ROUGE-W"),
        ),
        SuiteTask(
            "wos",
            N_("dialogue state tracking"),
            N_("What has the user asked for so far, as values of slots?"),
            8_000,
            1_000,
            N_("joint goal accuracy, slot micro-F1"),
        ),
    ),
)

SUITES: dict[str, Suite] = {suite.name: suite for suite in (KLUE_SUITE,)}
