"""Packed files are read as what they hold; one that unpacks without measure is refused."""

import gzip
import tracemalloc

import pytest

from munjang.data import compressed
from munjang.data.readers.open import open_table
from munjang.errors import DataError

TEXT = "본문,감정\n좋아요,긍정\n별로,부정\n"


def test_zstd_is_unpacked_as_gzip_is(tmp_path):
    zstandard = pytest.importorskip("zstandard")
    (tmp_path / "a.csv.zst").write_bytes(zstandard.compress(TEXT.encode()))
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(TEXT.encode()))
    found = [[row.cells for row in open_table(tmp_path / f"a.csv.{kind}").rows()] for kind in ("zst", "gz")]
    assert found == [[("좋아요", "긍정"), ("별로", "부정")]] * 2


def test_a_parquet_file_of_one_long_text_is_refused_before_it_fills_the_memory(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    texts = pyarrow.table({"text": ["가" * 100_000] * 500, "label": ["긍정", "부정"] * 250})  # 150 MB in 1 KB
    parquet.write_table(texts, tmp_path / "a.parquet")
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="unpacks to more than 100 times its size"):
            list(open_table(tmp_path / "a.parquet").rows())
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_a_bomb_is_refused_by_its_ratio(tmp_path, kind, monkeypatch):
    zstandard = pytest.importorskip("zstandard")
    monkeypatch.setattr(compressed, "FREE_BYTES", 100_000)
    data = b"a" * 3_000_000
    (tmp_path / f"a.csv.{kind}").write_bytes(gzip.compress(data) if kind == "gz" else zstandard.compress(data))
    with pytest.raises(DataError, match=r"unpacks to more than 100 times its size.*Unpack it yourself"):
        open_table(tmp_path / f"a.csv.{kind}")


def test_a_file_of_empty_parts_is_refused_before_each_is_opened(tmp_path):
    zstandard = pytest.importorskip("zstandard")
    skipped, block = b"\x50\x2a\x4d\x18\0\0\0\0", b"\0\0\0"
    frame = zstandard.ZstdCompressor(write_content_size=False).compress(b"")
    whole = zstandard.compress(TEXT.encode())
    files = {
        "members.csv.gz": gzip.compress(TEXT.encode()) + gzip.compress(b"") * 20_000,
        "frames.csv.zst": whole + skipped * 20_000,
        "blocks.csv.zst": whole + frame[:-3] + block * 20_000 + b"\1\0\0",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DataError, match=rf"{name} is packed in more than 1\d,\d\d\d parts.*pack it again\.$"):
            open_table(tmp_path / name)
    joined = gzip.compress("본문,감정\n".encode()) + b"".join(
        gzip.compress(f"{i},긍정\n".encode()) for i in range(9_000)
    )
    (tmp_path / "logs.csv.gz").write_bytes(joined)  # as appended one by one
    assert sum(1 for _ in open_table(tmp_path / "logs.csv.gz").rows()) == 9_000
