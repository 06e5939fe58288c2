"""kill -9 at every point of every command that writes an output. `make soak` runs it; plain pytest passes it over."""

from __future__ import annotations

import os

import pytest

pytest.importorskip("torch")
from kills.cases import cases, make_case
from kills.points import run_beside, survey


@pytest.mark.parametrize("name", cases())
def test_a_killed_command_leaves_one_result_and_a_second_one_at_the_same_time_is_refused(name, tmp_path, figures):
    case = make_case(name, tmp_path)
    refused = run_beside(case)
    assert refused.code == 8 and f"munjang: {case.out} is in use: process {os.getpid()} on" in refused.output
    seen = survey(case)
    figures(f"kill -9, {name}", points=seen.points, kills=seen.kills, old=seen.old, new=seen.new)
    assert seen.wrong == []
