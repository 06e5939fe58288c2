"""The score on the same texts with noise."""

import json
import re

import numpy as np
import pytest
from evaluation_models import TableModel

from munjang.errors import ConfigError, DataError
from munjang.evaluation.evaluate import evaluate
from munjang.evaluation.trees import evaluate_trees
from munjang.models.saved_reports import read_report
from munjang.records import Example
from munjang.text.noise import NOISES, with_noise

TEXTS = [f"정말 재미 있는 영화 였고 배우 들의 연기 도 아주 좋았 어요 {number}" for number in range(40)]
EXAMPLES = [Example(text, "긍정") for text in TEXTS]


def model_that_stumbles(name: str, share: float) -> TableModel:
    """Right on every text but on this share of those with one noise; 긍정 is right."""
    table = {text: [0.1, 0.9] for text in TEXTS}
    for other in NOISES:
        table |= {text: [0.1, 0.9] for text in with_noise(TEXTS, other, seed=13)}
    table |= {text: [0.9, 0.1] for text in with_noise(TEXTS, name, seed=13)[: int(share * len(TEXTS))]}
    return TableModel(table)


@pytest.mark.parametrize("name", ["random_spaces", "typing_slip", "repeated_letters", "without_spaces", "nfd"])
def test_a_fall_is_found_with_the_noise_that_causes_it(name):
    report = evaluate(model_that_stumbles(name, 0.25), EXAMPLES, robustness=True)
    found = {item.noise: item for item in report.robustness}
    assert list(found) == list(NOISES) and report.metrics["accuracy"] == 1.0
    assert (found[name].score, found[name].difference) == (pytest.approx(0.75), pytest.approx(-0.25))
    assert {item.difference for item in report.robustness if item.noise != name} == {0.0}
    # of 40 paired texts 10 fall: the resampled fall is binomial, with a standard deviation of sqrt(0.25 * 0.75 / 40)
    low, high = found[name].interval
    assert low == pytest.approx(-0.25 - 1.96 * np.sqrt(0.25 * 0.75 / 40), abs=0.03)
    assert high == pytest.approx(-0.25 + 1.96 * np.sqrt(0.25 * 0.75 / 40), abs=0.03)
    assert found["nfd"].changed == 40


def test_the_texts_without_spaces_are_predicted_once_for_both():
    model = model_that_stumbles("without_spaces", 0.5)
    report = evaluate(model, EXAMPLES, robustness=True)
    assert len(model.asked) == 1 + len(NOISES)
    assert report.without_spaces["accuracy"] == report.robustness[0].score == pytest.approx(0.5)
    report = evaluate(model, EXAMPLES, robustness=True, without_spaces=False)
    assert report.without_spaces is None and len(report.robustness) == len(NOISES)
    assert evaluate(model, EXAMPLES).robustness == ()


def test_the_table_names_each_noise_and_survives_json():
    report = evaluate(model_that_stumbles("typing_slip", 0.25), EXAMPLES, robustness=True)
    assert re.search(r"one typing slip +40 +0\.7500 +-0\.2500 +\[-0\.\d+, -0\.\d+\]\n", str(report))
    data = json.loads(json.dumps(report.to_dict(), ensure_ascii=False))
    assert data["robustness"][2]["noise"] == "typing_slip"
    assert read_report(data).robustness == report.robustness and str(read_report(data)) == str(report)
    data["robustness"][0]["noise"] = "rain"
    with pytest.raises(DataError, match="unknown noise 'rain'"):
        read_report(data)
    del data["robustness"]
    assert read_report(data).robustness == ()


def test_a_parser_is_not_scored_with_noise():
    with pytest.raises(ConfigError, match="robustness=… is for classifiers; table is a parser"):
        evaluate_trees(TableModel({}), [], split="test", by=None, robustness=True, progress=False, seed=13)
