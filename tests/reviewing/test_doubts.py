"""Confident learning: the joint counted by hand, the order of doubt, and what copies say."""

import numpy as np
import pytest

from munjang.reviewing.doubts import confident_joint, find_doubts, thresholds

# Six texts, three labels, by hand. The texts with the label 0 have it with 0.9, 0.7 and 0.2, so its threshold is 0.6;
# label 1: 0.8 and 0.4, so 0.6; label 2: 0.5.
PROBABILITIES = np.array(
    [[0.9, 0.1, 0.0], [0.7, 0.3, 0.0], [0.2, 0.7, 0.1], [0.1, 0.8, 0.1], [0.55, 0.4, 0.05], [0.2, 0.3, 0.5]]
)
GIVEN = np.array([0, 0, 0, 1, 1, 2])


def test_the_confident_joint_is_the_one_counted_by_hand():
    assert thresholds(PROBABILITIES, GIVEN) == pytest.approx([0.6, 0.6, 0.5])
    # the third is confidently 1; the fifth reaches no threshold, although 0 is likelier than its label
    assert confident_joint(PROBABILITIES, GIVEN).tolist() == [[2, 1, 0], [0, 1, 0], [0, 0, 1]]


def test_of_several_labels_above_their_thresholds_the_likeliest_counts():
    # thresholds 0.5, 0.1 and 0.3: each text reaches several
    several = np.array([[0.5, 0.45, 0.05], [0.5, 0.1, 0.4], [0.6, 0.1, 0.3]])
    assert confident_joint(several, np.array([0, 1, 2])).tolist() == [[1, 0, 0], [1, 0, 0], [1, 0, 0]]


def test_no_text_is_confidently_of_a_label_that_none_has():
    joint = confident_joint(np.array([[0.1, 0.9], [0.2, 0.8]]), np.array([0, 0]))
    assert joint.tolist() == [[1, 0], [0, 0]]


def test_how_sure_a_doubt_is_follows_the_share_of_confident_contradictions():
    doubts = find_doubts(PROBABILITIES, GIVEN)
    assert doubts.rival.tolist() == [1, 1, 1, 0, 0, 1]
    # one of six is off the diagonal: e = 1/6, and for the third text e·0.7 / (e·0.7 + (1 - e)·0.2) = 0.7 / 1.7
    assert doubts.sure[2] == pytest.approx(0.7 / 1.7)
    assert doubts.contradicted.tolist() == [False, False, True, False, True, False]
    assert doubts.sure.argsort().tolist()[-1] == 2


def test_copies_with_another_label_speak_against_a_label_and_copies_with_the_same_for_it():
    given = np.array([0, 1, 1, 1, 1])
    doubts = find_doubts(np.full((5, 2), 0.5), given, copies=[[0, 1, 2, 3]])
    outvoted, *agreed, alone = doubts.sure
    assert outvoted > alone > agreed[0] == agreed[1] == agreed[2]
    assert doubts.rival.tolist() == [1, 0, 0, 0, 0]


def test_a_copy_counts_as_much_as_the_model():
    probabilities, given = np.array([[0.6, 0.4], [0.6, 0.4], [0.9, 0.1], [0.8, 0.2]]), np.array([0, 1, 0, 1])
    # thresholds 0.75 and 0.3: the first and the last are off the diagonal, so e = 2/4, cut to 0.4
    assert confident_joint(probabilities, given).tolist() == [[1, 1], [1, 1]]
    doubts = find_doubts(probabilities, given, copies=[[0, 1]])
    assert doubts.sure[0] == pytest.approx(0.4 * 0.7 / (0.4 * 0.7 + 0.6 * 0.3))  # (0.6 + 0) / 2 and (0.4 + 1) / 2


def test_a_text_whose_copies_have_either_label_is_not_surely_wrong():
    given = np.array([0, 1] * 60)
    doubts = find_doubts(np.full((120, 2), 0.5), given, copies=[range(120)])
    assert (doubts.sure < 0.5).all()
