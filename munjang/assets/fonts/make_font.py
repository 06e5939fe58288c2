"""Make MunjangPlot.ttf from NanumSquareR.ttf: `python make_font.py NanumSquareR.ttf` (needs fontTools).

Hanja and private characters are left out; a minus sign, which the original lacks, is drawn as its en dash. The OFL
reserves the name of the original, so the result has its own.
"""

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

NAME = "Munjang Plot"
LEFT_OUT = (range(0x3200, 0xAC00), range(0xE000, 0xFB00), range(0x10000, 0x110000))
LICENCE = "This Font Software is licensed under the SIL Open Font License, Version 1.1."
MINUS, EN_DASH = 0x2212, 0x2013


def make_font(source: Path, target: Path) -> None:
    """Write the smaller, renamed font beside this file."""
    font = TTFont(source)
    for table in font["cmap"].tables:
        if EN_DASH in table.cmap:
            table.cmap[MINUS] = table.cmap[EN_DASH]
    kept = [code for code in font.getBestCmap() if not any(code in block for block in LEFT_OUT)]
    options = subset.Options(hinting=False, layout_features=[], name_IDs=[0, 1, 2, 3, 4, 5, 6, 9, 13, 14])
    options.drop_tables += ["DSIG", "TSI0", "TSI1", "TSI2", "TSI3", "TSI5", "vhea", "vmtx"]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=kept)
    subsetter.subset(font)
    names = {1: NAME, 2: "Regular", 3: f"1.0;{NAME}", 4: NAME, 6: NAME.replace(" ", ""), 13: LICENCE}
    for name_id, text in {**names, 14: "https://openfontlicense.org"}.items():
        font["name"].removeNames(nameID=name_id)
        font["name"].setName(text, name_id, 3, 1, 0x409)
    font["OS/2"].fsType = 0
    font.save(target)


if __name__ == "__main__":
    make_font(Path(sys.argv[1]), Path(__file__).with_name("MunjangPlot.ttf"))
