import re
import unicodedata
import warnings
from types import SimpleNamespace
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest

from munjang.metrics.calibration import equal_count_bins
from munjang.reports import plots
from munjang.reports.figures import STAND_IN, drawable, font_characters, save_png, to_svg

NAMES = ("부정", "긍정 😀", "漢字 $\\x$ <b>&", "아주 긴 라벨 이름이 여기에 있어서 잘려야 합니다 정말로 그렇습니다")
LOG = [
    {"step": 10, "loss": 0.7},
    {"step": 20, "loss": 0.5, "learning_rate": 1e-4},
    {"step": 20, "validation_accuracy": 0.8, "validation_macro_f1": 0.7, "validation_loss": 0.6},
]
SCORED = SimpleNamespace(metrics={"accuracy": 0.9}, intervals={"accuracy": (0.88, 0.92)}, title=str)
BINS = [{"confidence": 0.55, "accuracy": 0.5, "count": 4}, {"confidence": 0.0, "accuracy": 0.0, "count": 0}]


def every_plot(names):
    scores = {name: 0.5 for name in names}
    return {
        "lengths": plots.length_histogram({"train": [1, 2, 300], "test": [0, 4]}, title="문장 길이 😀"),
        "labels": plots.label_bars(
            {"train": {name: 3 for name in names}, "test": {names[0]: 1}}, {"train": 9, "test": 1}
        ),
        "confusion": plots.plot_confusion_matrix(np.eye(len(names), dtype=int) * 7, names),
        "training": plots.training_curve(LOG),
        "reliability": plots.reliability(BINS, 0.05),
        "equal bins": plots.reliability(equal_count_bins(np.linspace(0, 1, 99), np.arange(99) % 3 > 0), 0.05),
        "coverage": plots.coverage([(0.02, 1.0), (0.5, 0.97), (1.0, 0.9)]),
        "f1": plots.f1_bars(scores, {name: 10 for name in names}, baseline=scores),
        "intervals": plots.score_intervals({"우리 모델": SCORED, "baseline": SCORED}, metric="accuracy"),
    }


@pytest.mark.parametrize("size", [1, 2, 20, 44])
def test_every_plot_draws_any_label_without_a_warning(size, tmp_path):
    names = [f"{NAMES[i % 4]} {i}" for i in range(size)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, figure in every_plot(names).items():
            save_png(figure, tmp_path / f"{name}.png")
            assert (tmp_path / f"{name}.png").stat().st_size > 2_000


def test_a_png_shows_hangul_as_hangul_and_not_as_boxes(tmp_path):
    def picture(name):
        save_png(plots.plot_confusion_matrix([[1]], [name]), tmp_path / "one.png")
        return (tmp_path / "one.png").read_bytes()

    assert len({picture("뷁"), picture("가"), picture("ㅋ"), picture(STAND_IN)}) == 4


def test_the_packaged_font_has_every_syllable_and_letter_and_the_minus_sign():
    assert font_characters().issuperset(range(0xAC00, 0xD7A4))
    assert font_characters().issuperset(map(ord, "ㄱㅎㅏㅣㅋㅠ−…·×±□%"))


def test_characters_outside_the_font_become_one_stand_in_a_run():
    assert drawable("영화 😀😀👍🏽 漢字 ไทย") == f"영화 {STAND_IN} {STAND_IN} {STAND_IN}"


def test_decomposed_hangul_is_composed_and_what_has_a_plain_form_takes_it():
    assert drawable(unicodedata.normalize("NFD", "한국")) == "한국"
    assert drawable("\u1100 ﬁ ñ 가\u200b나\n다") == "ㄱ fi n 가나 다"


def test_the_users_matplotlib_settings_stay_as_they_were(tmp_path):
    matplotlib.rcParams["font.size"] = 7.5
    before = dict(matplotlib.rcParams)
    save_png(plots.training_curve(LOG), tmp_path / "curve.png")
    assert dict(matplotlib.rcParams) == before
    matplotlib.rcdefaults()


def test_no_pyplot_and_no_window_is_needed():
    import subprocess
    import sys

    code = "import sys; from munjang.reports.plots import training_curve; training_curve([])\n"
    code += "sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_inline_svg_is_well_formed_needs_no_font_and_shares_no_id_with_another():
    first, second = (
        to_svg(plots.label_bars({"train": {NAMES[2]: 1}}, {"train": 1}), name) for name in ("가 <1>", "나")
    )
    for svg in (first, second):
        ElementTree.fromstring(svg)
        assert "<text" not in svg and "font-family" not in svg
        used = set(re.findall(r'(?:href="|url\()#([^")]+)', svg))
        assert used <= set(re.findall(r'\bid="([^"]+)"', svg))
    assert 'aria-label="가 &lt;1&gt;"' in first
    assert not set(re.findall(r'\bid="([^"]+)"', first)) & set(re.findall(r'\bid="([^"]+)"', second))


def test_the_same_numbers_give_the_same_svg():
    assert to_svg(plots.reliability(BINS, 0.05), "a") == to_svg(plots.reliability(BINS, 0.05), "a")


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    import sys

    from munjang.errors import MissingExtra

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"pip install 'munjang\[report\]'"):
        plots.training_curve(LOG)
