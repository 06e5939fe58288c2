from pathlib import Path

import yaml

from munjang.config.settings import TrainConfig, to_dict
from munjang.models.folder import Manifest
from munjang.records import Card, Corpus, Example, LabelSet
from munjang.reports.model_card import model_card

LABELS = LabelSet(("부정", "긍정 <b>"))


def manifest(**changes) -> Manifest:
    values = {
        "format": "native",
        "task": "classification",
        "labels": LABELS,
        "steps": ("nfc", "spaces"),
        "max_length": 64,
        "backbone": "scratch:small",
        "origin": "scratch:small",
        "corpus": "reviews",
        "settings": to_dict(TrainConfig(epochs=2)),
        "validation": {"macro_f1": 0.8512, "loss": 0.4, "step": 120},
    }
    return Manifest(**{**values, **changes})


def corpus(source="example/reviews", licence="CC BY-SA 4.0") -> Corpus:
    train = [Example("좋아요", "긍정 <b>"), Example("별로", "부정")]
    return Corpus("reviews", "classification", LABELS, train, test=train[:1], card=Card("reviews", source, licence))


def front_matter(card: str) -> dict:
    _, block, _ = card.split("---\n", 2)
    return yaml.safe_load(block)


def test_the_front_matter_is_what_the_hub_reads():
    values = front_matter(model_card(manifest(), corpus=corpus()))
    assert values["language"] == "ko" and values["license"] == "cc-by-sa-4.0"
    assert values["pipeline_tag"] == "text-classification" and values["library_name"] == "transformers"
    assert front_matter(model_card(manifest(), corpus=corpus(licence="ask first")))["license"] == "other"


def test_the_card_tells_labels_data_settings_and_how_to_use_the_model():
    card = model_card(manifest(), corpus=corpus())
    assert "one of 2 labels: 부정, 긍정 \\<b\\>" in card
    assert "| rows | 2 | 1 |" in card and "Licence of the data: CC BY-SA 4.0." in card
    assert "| epochs | 2 |" in card and "| clean.leaks | yes |" in card
    assert "munjang predict MODEL_FOLDER" in card and 'mj.load("MODEL_FOLDER")' in card
    assert 'pipeline("text-classification", model="MODEL_FOLDER")' in card and "max_length=64" in card
    assert "macro F1 0.8512" in card
    assert "\n\n\n" not in card and card.endswith("apply to the weights, too.\n"), "one empty line between paragraphs"


def test_a_linear_model_says_that_transformers_cannot_open_it():
    card = model_card(manifest(format="linear", max_length=0))
    assert "Plain transformers cannot open this folder" in card
    assert "from transformers" not in card and "tokens are cut" not in card
    assert front_matter(card)["library_name"] == "munjang"


def test_several_labels_need_the_sigmoid_and_the_threshold():
    card = model_card(manifest(task="multi-label", threshold=0.4))
    assert 'top_k=None, function_to_apply="sigmoid"' in card and "from a score of 0.4" in card
    assert "any number of 2 labels" in card and "Every text gets one" not in card


def test_no_path_of_the_machine_stands_in_the_card(tmp_path: Path):
    card = model_card(manifest(), corpus=corpus(source=str(tmp_path / "reviews.csv")))
    assert "reviews.csv" in card and str(tmp_path) not in card


def test_an_account_with_backticks_cannot_leave_its_block():
    card = model_card(manifest(), cleaning_report="``` # not a heading")
    assert "````text\n``` # not a heading\n````" in card


def test_a_model_without_any_score_says_how_to_get_one():
    card = model_card(manifest(validation={}))
    assert "Not evaluated yet: `munjang evaluate MODEL_FOLDER CORPUS`" in card
    assert "No test split had been read" in card


def test_a_linear_model_lists_only_the_settings_that_had_an_effect():
    settings = {**to_dict(TrainConfig(backbone="linear")), "C": 0.4}
    card = model_card(manifest(format="linear", settings=settings, validation={}))
    assert "| C | 0.4 |" in card and "| seed | 13 |" in card and "| clean.leaks | yes |" in card
    for name in ("epochs", "batch_size", "learning_rate", "loop", "precision"):
        assert f"| {name} |" not in card


def test_weights_that_were_not_chosen_are_not_said_to_be():
    assert "by which the weights were chosen: macro F1 0.8512" in model_card(manifest())
    card = model_card(manifest(settings=to_dict(TrainConfig(keep_best=False))))
    assert "On the validation split: macro F1 0.8512" in card and "chosen" not in card
