"""The names of dependency relations: 38 of KLUE, and the relations of Universal Dependencies."""

from __future__ import annotations

from collections.abc import Iterable

from munjang.records import LabelSet, plain_labels

KLUE_RELATIONS = plain_labels(
    "NP NP_AJT VP NP_SBJ VP_MOD NP_OBJ AP NP_CNJ NP_MOD VNP DP VP_AJT VNP_MOD NP_CMP VP_SBJ VP_CMP VP_OBJ VNP_CMP "
    "AP_MOD X_AJT VP_CNJ VNP_AJT IP X X_SBJ VNP_OBJ VNP_SBJ X_OBJ AP_AJT L X_MOD X_CNJ VNP_CNJ X_CMP AP_CMP AP_SBJ R "
    "NP_SVJ"
)
"""KLUE's relations in KLUE's order, which decides what its LAS merges. NP_SVJ, probably a typo for NP_SBJ, stays."""

UD_RELATIONS = plain_labels(
    "acl advcl advmod amod appos aux case cc ccomp clf compound conj cop csubj dep det discourse dislocated expl fixed "
    "flat goeswith iobj list mark nmod nsubj nummod obj obl orphan parataxis punct reparandum root vocative xcomp "
    # the subtypes of Korean treebanks, and the more common ones of others
    "acl:relcl advcl:relcl aux:pass compound:lvc csubj:pass det:poss flat:foreign flat:name nmod:poss nsubj:outer "
    "nsubj:pass obl:tmod obl:agent"
)
"""The 37 relations of Universal Dependencies v2, then subtypes."""


def relation_set(relations: Iterable[str]) -> LabelSet:
    """The label set of a file's relations: the whole table of KLUE or UD if it has all of them, else these relations.

    Subtypes that UD's table does not have (`obl:arg`) are added at its end.
    """
    names = sorted(set(relations))
    if all(name in KLUE_RELATIONS.names for name in names):
        return KLUE_RELATIONS
    if all(name.partition(":")[0] in UD_RELATIONS.names for name in names):
        return LabelSet((*UD_RELATIONS.names, *(name for name in names if name not in UD_RELATIONS.names)))
    return LabelSet(tuple(names))
