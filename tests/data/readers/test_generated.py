"""Files of every kind, made of rows and written by another tool, are read as these rows."""

from random import Random

import pytest
from made_tables import KINDS

from munjang.data.readers.open import open_table
from munjang.data.readers.table import cell_text
from munjang.errors import DataError


@pytest.mark.parametrize("kind", KINDS)
def test_what_other_tools_write_is_read_as_it_was(kind, tmp_path):
    for module in {"xlsx": ["openpyxl", "python_calamine"], "json": ["pandas"]}.get(kind.rpartition(".")[2], []):
        pytest.importorskip(module)
    for seed in range(8):
        path = tmp_path / f"{seed}-{kind}"
        made = KINDS[kind](Random(f"{kind} {seed}"), path)
        try:
            table = open_table(path)
            found = [[cell_text(cell) for cell in row.cells] for row in table.rows()]
        except DataError:
            assert not made.sure
            continue
        assert not made.difference(table.columns, found, len(table.rejected)), (path, table.notes)
