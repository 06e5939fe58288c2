"""kill -9 at some points of some commands; `make soak` tries all points of all of them."""

import os

import pytest

pytest.importorskip("torch")
from kills.cases import make_case
from kills.points import run_beside, survey

AROUND = {
    "train --overwrite linear": ("opened m/.munjang/new/m/run/.settings.json", "os.remove m/munjang.json"),
    "clean --overwrite": ("os.rename out/.munjang/new/out", "os.rename out/.munjang/ready/removed.csv"),
    "predict --overwrite out.csv": ("os.rename .out.csv.munjang/ready/out.csv", "os.remove out.csv.rejected.csv"),
}
"""Command -> how the points begin: before and after the moment that decides."""


@pytest.mark.parametrize("name", AROUND)
def test_a_killed_command_leaves_one_result_and_a_second_one_at_the_same_time_is_refused(name, tmp_path):
    case = make_case(name, tmp_path)
    seen = survey(case, AROUND[name])
    assert seen.wrong == [] and seen.kills >= 2
    refused = run_beside(case)
    line = f"munjang: {case.out} is in use: process {os.getpid()} on "
    assert refused.code == 8 and refused.output.splitlines()[-1].startswith(line)
