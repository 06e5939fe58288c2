"""Labels of a model and of data meet by name, never by number."""

import pytest

from munjang.cli.options import flag_form
from munjang.errors import DataError
from munjang.evaluation.label_matching import match_labels
from munjang.records import LabelSet
from munjang.text.names import parse_map
from munjang.translation import options_as

NSMC = LabelSet(("부정", "긍정"), {"0": "부정", "1": "긍정", "negative": "부정", "positive": "긍정"})
ENGLISH = LabelSet(("positive", "negative"))


def test_equal_names_match_whatever_their_order():
    other_way_round = LabelSet(("긍정", "부정"))
    assert match_labels(["긍정", "부정"], NSMC, other_way_round) == {"긍정": "긍정", "부정": "부정"}


def test_other_names_of_the_model_or_of_the_corpus_count():
    expected = {"부정": "negative", "긍정": "positive"}
    assert match_labels(["부정", "긍정"], ENGLISH, NSMC) == expected
    assert match_labels(["positive"], NSMC) == {"positive": "긍정"}
    assert match_labels(["negative"], NSMC, ENGLISH) == {"negative": "부정"}


def test_class_numbers_are_refused_and_the_remedy_spells_out_what_they_meant():
    with pytest.raises(DataError, match=r"label_map=\{'0': '부정', '1': '긍정'\}"):
        match_labels(["1", "0"], NSMC, LabelSet(("0", "1")))
    assert match_labels(["1", "0"], LabelSet(("0", "1")), LabelSet(("1", "0"))) == {"1": "1", "0": "0"}


def test_a_number_that_the_corpus_has_for_its_label_is_that_label():
    assert match_labels(["0"], NSMC, NSMC) == {"0": "부정"}
    flipped = LabelSet(("긍정", "부정"), {"0": "긍정", "1": "부정"})
    assert match_labels(["0"], NSMC, flipped) == {"0": "긍정"}


def test_different_names_are_refused_with_both_lists_and_no_guess_which_is_which():
    with pytest.raises(DataError) as caught:
        match_labels(["좋음", "나쁨"], NSMC, LabelSet(("좋음", "나쁨")))
    message = str(caught.value)
    assert "The model has 부정, 긍정; the data has 좋음, 나쁨." in message
    assert "label_map={'좋음': '…', '나쁨': '…'}" in message


def test_labels_with_commas_are_quoted_as_the_command_takes_them():
    model = LabelSet(("배송, 포장", "가격"))
    with pytest.raises(DataError) as caught, options_as(flag_form):
        match_labels(["포장, 색", "품질"], model, LabelSet(("포장, 색", "품질")))
    message = str(caught.value)
    assert 'The model has "배송, 포장", 가격; the data has "포장, 색", 품질.' in message
    assert """--map '"포장, 색"=…;품질=…'""" in message
    assert parse_map('"포장, 색"=배송;품질=가격').pairs(()) == {"포장, 색": "배송", "품질": "가격"}


def test_a_map_joins_different_names_and_may_use_aliases():
    found = match_labels(["좋음", "나쁨"], NSMC, LabelSet(("좋음", "나쁨")), {"좋음": "긍정", "나쁨": "negative"})
    assert found == {"좋음": "긍정", "나쁨": "부정"}
    assert match_labels(["부정"], ENGLISH, NSMC, {"negative": "positive"}) == {"부정": "positive"}


def test_a_map_with_a_slip_in_it_is_refused():
    with pytest.raises(DataError, match="the model has no label '좋아'; it has 부정, 긍정"):
        match_labels(["좋음"], NSMC, None, {"좋음": "좋아"})
    with pytest.raises(DataError, match="the data has no label '조음'; it has 좋음"):
        match_labels(["좋음"], NSMC, None, {"조음": "긍정"})


def test_a_label_outside_the_corpus_set_is_left_out():
    assert match_labels(["부정", "3"], NSMC, NSMC) == {"부정": "부정"}


def test_fewer_labels_than_the_model_has_are_fine():
    assert match_labels(["긍정"], NSMC, LabelSet(("긍정",))) == {"긍정": "긍정"}
