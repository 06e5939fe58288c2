"""Files of every kind, made of rows and written by another tool, are read as these rows."""

from random import Random

import pytest
from made_tables import KINDS

from munjang.data.readers.open import open_table
from munjang.data.readers.table import cell_text


@pytest.mark.parametrize("kind", KINDS)
def test_what_other_tools_write_is_read_as_it_was(kind, tmp_path):
    for module in {"xlsx": ["openpyxl", "python_calamine"], "json": ["pandas"]}.get(kind.rpartition(".")[2], []):
        pytest.importorskip(module)
    for seed in range(12):
        path = tmp_path / f"{seed}-{kind}"
        made = KINDS[kind](Random(f"{kind} {seed}"), path)
        table = open_table(path)
        found = [[cell_text(cell) for cell in row.cells] for row in table.rows()]
        assert (found, table.rejected) == (made.rows, []), (path, table.notes)
        if made.columns:
            assert list(table.columns) == made.columns
