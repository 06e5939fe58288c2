"""Held-out splits: stratified, by distinct text, the same everywhere, and never the last example of a class."""

import random
import subprocess
import sys
from collections import Counter
from unicodedata import normalize

import pytest

from munjang.data.splits import hold_out, validation_as_test, with_test, with_validation
from munjang.errors import ConfigError, DataError
from munjang.records import Corpus, Example, LabelSet, count_labels


def many(n: int, *labels: str) -> list[Example]:
    return [Example(f"{label} 문장 {i}", label, i) for i in range(n) for label in labels]


def test_each_class_gives_its_share_and_order_is_kept():
    examples = many(100, "부정", "긍정") + many(20, "중립")
    rest, held = hold_out(examples, 0.1, 13)
    assert count_labels(held) == {"부정": 10, "긍정": 10, "중립": 2}
    assert sorted([*rest, *held], key=examples.index) == examples
    assert held == sorted(held, key=examples.index) and rest == sorted(rest, key=examples.index)


def test_texts_that_are_equal_after_nfc_and_trimming_stay_on_one_side():
    examples = [
        Example(variant, "긍정", i)
        for i in range(60)
        for variant in (f"좋은 영화 {i}", f" 좋은 영화 {i}\n", normalize("NFD", f"좋은 영화 {i}"))
    ]
    rest, held = hold_out(examples, 0.2, 1)
    assert len(held) == 36 and len(rest) == 144
    assert not {normalize("NFC", e.text).strip() for e in rest} & {normalize("NFC", e.text).strip() for e in held}


def test_one_text_repeated_often_does_not_flood_the_held_out_part():
    examples = [Example("굳", "긍정", i) for i in range(500)] + many(50, "긍정")
    for seed in range(20):
        _, held = hold_out(examples, 0.05, seed)
        assert len(held) == 28 and "굳" not in {e.text for e in held}


def test_the_choice_depends_on_the_seed_and_not_on_the_order():
    examples = many(50, "부정", "긍정")
    shuffled = random.Random(0).sample(examples, len(examples))
    held = {e.text for e in hold_out(examples, 0.1, 13)[1]}
    assert held == {e.text for e in hold_out(shuffled, 0.1, 13)[1]}
    assert held != {e.text for e in hold_out(examples, 0.1, 14)[1]}


def test_the_choice_is_the_same_in_another_process():
    code = (
        "from munjang.data.splits import hold_out; from munjang.records import Example; "
        "print(*sorted(e.line for e in hold_out([Example(f'글 {i}', 'a', i) for i in range(40)], 0.1, 13)[1]))"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    held = hold_out([Example(f"글 {i}", "a", i) for i in range(40)], 0.1, 13)[1]
    assert runs == {" ".join(str(e.line) for e in held) + "\n"}


@pytest.mark.parametrize("share", [0.1, 0.4, 0.9])
@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_a_small_class_keeps_an_example_in_the_rest(n, share):
    rest, held = hold_out(many(50, "부정") + many(n, "긍정"), share, 13)
    assert "긍정" in count_labels(rest)
    assert "긍정" in count_labels(held) or n < 3


def test_a_class_that_only_shares_its_text_with_another_is_not_lost():
    examples = [*many(30, "부정"), Example("부정 문장 3", "부정"), Example("부정 문장 3", "긍정")]
    for seed in range(30):
        rest, held = hold_out(examples, 0.3, seed)
        assert set(count_labels(rest)) == {"부정", "긍정"}
        assert held


def test_multi_label_texts_are_held_out_by_their_rarest_name():
    examples = [Example(f"글 {i}", ("흔함", "드묾") if i % 10 == 0 else ("흔함",), i) for i in range(200)]
    examples += [Example(f"빈 글 {i}", (), i) for i in range(20)]
    for seed in range(10):
        rest, held = hold_out(examples, 0.1, seed)
        assert Counter(e.label for e in held) == {("흔함",): 18, ("흔함", "드묾"): 2, (): 2}
        assert count_labels(rest)["드묾"] == 18


def test_a_rare_name_that_stands_only_beside_rarer_ones_keeps_a_training_example():
    examples = [Example(f"글 {i}", ("셋", "둘") if i < 4 else ("하나",), i) for i in range(60)]
    for seed in range(20):
        rest, _ = hold_out(examples, 0.45, seed)
        assert set(count_labels(rest)) == {"하나", "둘", "셋"}


def test_empty_texts_and_texts_without_a_label_do_no_harm():
    examples = [
        *many(30, "부정"),
        *(Example(" ", "긍정") for _ in range(9)),
        *(Example(f"모름 {i}") for i in range(20)),
    ]
    rest, held = hold_out(examples, 0.1, 13)
    assert sum(e.text == " " for e in rest) == 9
    assert Counter(e.label for e in held) == {"부정": 3, None: 2}


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5])
def test_a_share_outside_zero_and_one_is_refused(share):
    with pytest.raises(ConfigError, match=f"between 0 and 1, found {share}"):
        hold_out(many(10, "부정"), share, 13)


def corpus(**splits) -> Corpus:
    return Corpus("리뷰", "classification", LabelSet(("부정", "긍정")), **splits)


def test_a_missing_validation_split_is_made_from_train_and_said_on_the_card():
    made = with_validation(corpus(train=many(100, "부정", "긍정"), test=many(3, "부정")), 0.1, 7)
    assert (len(made.train), len(made.validation), len(made.test)) == (180, 20, 3)
    assert made.card.notes == ("validation: 20 rows, 10% of train, stratified, by distinct text, seed 7",)


def test_splits_that_are_there_stay_as_they_are():
    whole = corpus(train=many(10, "부정"), validation=many(2, "부정"), test=many(3, "부정"))
    assert with_validation(whole, 0.1, 7) is whole and with_test(whole, 0.1, 7) is whole
    assert validation_as_test(whole) is whole


def test_a_missing_test_split_is_made_from_train():
    made = with_test(corpus(train=many(50, "부정", "긍정")), 0.2, 7)
    assert (len(made.train), len(made.test)) == (80, 20)


def test_a_validation_split_can_stand_in_for_a_hidden_test_split():
    moved = validation_as_test(corpus(train=many(10, "부정"), validation=many(2, "부정")))
    assert (len(moved.validation), len(moved.test)) == (0, 2) and "validation" in moved.card.notes[0]


def test_too_few_examples_to_split_is_said():
    with pytest.raises(DataError, match=r"리뷰: 2 examples are too few to hold out 10% of them as validation"):
        with_validation(corpus(train=many(1, "부정", "긍정")), 0.1, 7)
