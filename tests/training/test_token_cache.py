"""Token ids and vocabularies kept between runs: the same results, and no entry that can do harm."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from munjang.tasks.base import encode_texts, shorten_encodings
from munjang.text.vocabulary import make_wordpiece
from munjang.training.cache import Cache
from munjang.training.token_cache import TokenCache

pytest.importorskip("torch")
import munjang as mj

TEXTS = ["영화가 정말 재밌다", "", "배송이 느려요 " * 30, "ㅋㅋㅋㅋ 최고", "환불 해 주세요", "재밌다"]
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "영화", "##가", "정말", "재밌다", "배송", "##이", "느려요"]
PIECES += ["ㅋㅋㅋ", "최고", "환불", "해", "주세요"]
KEY = "ab" * 32


@pytest.fixture
def tokenizer():
    return make_wordpiece({piece: index for index, piece in enumerate(PIECES)})


@pytest.fixture
def tokens(tmp_path):
    return TokenCache(Cache(tmp_path / "tokens"))


def entries(tokens):
    return sorted(path.name for path in tokens.cache.folder.iterdir())


def assert_same(actual, expected):
    for name in ("ids", "starts", "truncated"):
        np.testing.assert_array_equal(getattr(actual, name), getattr(expected, name))
        assert getattr(actual, name).dtype == getattr(expected, name).dtype


def in_file(array):
    """Whether the system has mapped the array's first byte to an entry of a cache."""
    if sys.platform != "linux":
        pytest.skip("needs /proc")
    for line in Path("/proc/self/maps").read_text("utf-8").splitlines():
        begin, end = (int(bound, 16) for bound in line.split()[0].split("-"))
        if begin <= array.ctypes.data < end:
            return "/tokens/" in line
    return False


def test_the_second_time_the_same_ids_come_from_the_file(tokens, tokenizer):
    first = tokens.encode(TEXTS, tokenizer, 32)
    second = tokens.encode(TEXTS, tokenizer, 32)
    assert (in_file(first.ids), in_file(second.ids)) == (False, True)
    assert_same(second, encode_texts(TEXTS, tokenizer, 32))


@pytest.mark.parametrize("change", ["texts", "order", "length", "tokenizer"])
def test_whatever_changes_the_ids_is_another_entry(tokens, tokenizer, change):
    tokens.encode(TEXTS, tokenizer, 32)
    texts, length = {"texts": [*TEXTS, "새 글"], "order": TEXTS[::-1]}.get(change, TEXTS), 32 - (change == "length")
    if change == "tokenizer":
        tokenizer = make_wordpiece({piece: index for index, piece in enumerate([*PIECES, "재밌"])})
    assert_same(tokens.encode(texts, tokenizer, length), encode_texts(texts, tokenizer, length))
    assert len(entries(tokens)) == 2


@pytest.mark.parametrize("damage", ["cut", "longer", "flipped", "empty", "older", "other key", "header", "folder"])
def test_a_damaged_entry_is_made_again(tokens, tokenizer, damage, caplog):
    expected = tokens.encode(TEXTS, tokenizer, 32)
    path = next(tokens.cache.folder.iterdir())
    data = path.read_bytes()
    tokens.encode(TEXTS[::-1], tokenizer, 32)
    (other,) = set(tokens.cache.folder.iterdir()) - {path}
    spoilt = {
        "cut": data[:-1], "longer": data + b"\0", "flipped": data[:-1] + bytes([data[-1] ^ 1]), "empty": b"",
        "older": b"munjang cache 1\n{}\n", "other key": other.read_bytes(),
        "header": data[:8] + b"[" * (len(data) - 8), "folder": b"",
    }[damage]  # fmt: skip
    path.unlink()
    path.mkdir() if damage == "folder" else path.write_bytes(spoilt)
    assert_same(tokens.encode(TEXTS, tokenizer, 32), expected)
    assert f"{path} is not used" in caplog.text
    if damage != "folder":
        assert path.read_bytes() == data


def test_an_entry_is_a_plain_safetensors_file(tokens, tokenizer):
    tokens.encode(TEXTS, tokenizer, 32)
    arrays, expected = load_file(next(tokens.cache.folder.iterdir())), encode_texts(TEXTS, tokenizer, 32)
    for name in ("ids", "starts", "truncated"):
        np.testing.assert_array_equal(arrays.pop(name), getattr(expected, name))
    assert arrays == {}


@pytest.mark.parametrize("what", ["ids", "starts", "length", "type", "kind of truncated", "dimensions"])
def test_a_hostile_entry_with_the_right_hash_leads_nowhere(tokens, tokenizer, what):
    good = tokens.encode(TEXTS, tokenizer, 32)
    arrays = {"ids": good.ids.copy(), "starts": good.starts.copy(), "truncated": good.truncated}
    if what == "ids":
        arrays["ids"][0] = 60_000
    elif what == "starts":
        arrays["starts"][1] = 10**9
    elif what == "length":
        arrays["starts"] = arrays["starts"][:-1]
    elif what == "kind of truncated":
        arrays["truncated"] = arrays["truncated"].astype(np.int64)
    elif what == "dimensions":
        arrays["ids"] = arrays["ids"].reshape(-1, 1)
    else:
        arrays["ids"] = arrays["ids"].astype(np.int64)
    tokens.cache.write(entries(tokens)[0], arrays)
    assert_same(tokens.encode(TEXTS, tokenizer, 32), good)


def test_a_header_that_promises_too_much_is_refused(tmp_path):
    cache = Cache(tmp_path)
    for kind, length, end in (("U16", 2**62, 2**63), ("O", 1, 8), ("U16", -1, 0), ("BF16", 1, 2)):
        header = b'{"ids":{"dtype":"%s","shape":[%d],"data_offsets":[0,%d]}}' % (kind.encode(), length, end)
        (tmp_path / KEY).write_bytes(len(header).to_bytes(8, "little") + header + bytes(end if end < 10 else 0))
        assert cache.read(KEY) is None


def test_if_nothing_can_be_written_there_is_one_warning_and_the_run_goes_on(tmp_path, tokenizer, caplog):
    (tmp_path / "tokens").write_text("a file in the way")
    tokens = TokenCache(Cache(tmp_path / "tokens"))
    for texts in (TEXTS, TEXTS[::-1]):
        assert_same(tokens.encode(texts, tokenizer, 32), encode_texts(texts, tokenizer, 32))
    assert caplog.text.count("Nothing is kept") == 1


def test_a_full_disk_is_one_warning(tokens, tokenizer, caplog, small_disk):
    for texts in (TEXTS * 1000, TEXTS * 2000):
        assert_same(tokens.encode(texts, tokenizer, 32), encode_texts(texts, tokenizer, 32))
    assert caplog.text.count("Nothing is kept for the next run; this run goes on.") == 1
    assert f"{tokens.cache.folder}/" in caplog.text and "could not be written" in caplog.text
    assert "too large" in caplog.text and "set MUNJANG_CACHE to a folder on another disk" in caplog.text
    assert entries(tokens) == []


def test_the_entries_unused_for_longest_are_deleted_first(tmp_path):
    cache = Cache(tmp_path, limit=10_000)
    keys = [f"{number:064x}" for number in range(4)]
    for age, key in enumerate(keys[:3]):
        cache.write(key, {"ids": np.zeros(2000, np.uint16)})
        os.utime(tmp_path / key, (time.time() - 100 + age,) * 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == keys[1:3]
    assert cache.read(keys[1]) is not None  # used: now the newest
    cache.write(keys[3], {"ids": np.zeros(2000, np.uint16)})
    assert {path.name for path in tmp_path.iterdir()} == {keys[1], keys[3]}
    cache.write(keys[0], {"ids": np.zeros(20_000, np.uint16)})  # larger than all may be
    assert cache.read(keys[0]) is None


def test_what_a_killed_process_left_is_cleared_later(tmp_path):
    old, new = f".{'1' * 64}.0123abcd", f".{'2' * 64}.0123abcd"
    for name, age in ((old, 7200), (".tmpAb3x9Z", 7200), (new, 0)):
        (tmp_path / name).write_bytes(b"half")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    Cache(tmp_path).write(KEY, {"ids": np.zeros(3, np.uint16)})
    assert {path.name for path in tmp_path.iterdir()} == {new, KEY}


def test_files_of_others_in_the_folder_are_never_deleted(tmp_path):
    for name in ("my corpus.csv", "download.part"):
        (tmp_path / name).write_bytes(bytes(20_000))
        os.utime(tmp_path / name, (time.time() - 10**6,) * 2)
    Cache(tmp_path, limit=10_000).write(KEY, {"ids": np.zeros(3, np.uint16)})
    assert {path.name for path in tmp_path.iterdir()} == {"my corpus.csv", "download.part", KEY}


def test_threads_that_write_one_entry_at_once_leave_it_whole(tmp_path, caplog):
    cache = Cache(tmp_path)
    with ThreadPoolExecutor(4) as threads:
        for number in range(40):
            threads.submit(cache.write, KEY, {"ids": np.full(9000 + 100 * (number % 7), number)})
    assert not cache.has_failed and [path.name for path in tmp_path.iterdir()] == [KEY]
    assert len(np.unique(cache.read(KEY)["ids"])) == 1 and not caplog.text


def test_only_the_user_may_read_an_entry_and_it_holds_no_text(tokens, tokenizer):
    tokens.encode(TEXTS, tokenizer, 32)
    path = next(tokens.cache.folder.iterdir())
    if os.name != "nt":
        assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert "재밌다".encode() not in path.read_bytes()


def test_two_processes_at_once_leave_one_whole_entry(tmp_path):
    code = (
        "import sys, numpy as np; from pathlib import Path; from munjang.training.cache import Cache\n"
        f"cache = Cache(Path(sys.argv[1]))\nfor _ in range(60):\n    cache.write('{KEY}', dict(ids=np.arange(9000)))\n"
        f"    assert (cache.read('{KEY}')['ids'] == np.arange(9000)).all()"
    )
    runs = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(2)]
    assert [run.wait() for run in runs] == [0, 0]
    assert [path.name for path in tmp_path.iterdir()] == [KEY]


def test_a_cached_vocabulary_is_the_one_that_was_made(tokens):
    made, again = (tokens.wordpiece(TEXTS * 3, 300).backend_tokenizer.to_str() for _ in range(2))
    assert made == again
    (name,) = entries(tokens)
    tokens.cache.write(name, {"pieces": np.frombuffer(b'["[PAD]", 3]', np.uint8)})
    assert tokens.wordpiece(TEXTS * 3, 300).backend_tokenizer.to_str() == made


def test_cutting_shorter_gives_what_tokenising_shorter_gives(tokenizer):
    for length in (64, 20, 5, 3):
        assert_same(
            shorten_encodings(encode_texts(TEXTS, tokenizer, 64), TEXTS, tokenizer, length),
            encode_texts(TEXTS, tokenizer, length),
        )


def test_a_tokenizer_with_the_right_settings_is_not_changed(tokenizer):
    class Watched:
        def __init__(self):
            self.changes = 0

        def enable_truncation(self, **settings):
            self.changes += 1
            tokenizer.enable_truncation(**settings)

        def no_padding(self):
            self.changes += 1
            tokenizer.no_padding()

        def __getattr__(self, name):
            return getattr(tokenizer, name)

    watched = Watched()
    tokenizer.enable_padding()
    tokenizer.enable_truncation(4, direction="left")
    first, second, shorter = (encode_texts(TEXTS, watched, length) for length in (32, 32, 5))
    assert_same(first, second)
    assert first.lengths.max() == 32 and shorter.lengths.max() == 5
    assert first.lengths.min() == 2 and watched.changes == 3


def test_many_texts_in_chunks_are_as_texts_one_by_one(tokenizer, monkeypatch):
    one_by_one = [encode_texts([text], tokenizer, 16).ids.tolist() for text in TEXTS]
    monkeypatch.setattr("munjang.tasks.base.TOKENIZER_CHUNK", 4)
    encodings = encode_texts(TEXTS, tokenizer, 16)
    assert [encodings.sentence(i).tolist() for i in range(len(encodings))] == one_by_one


def test_texts_are_tokenised_together_by_their_characters(tokenizer, monkeypatch):
    expected = encode_texts(TEXTS, tokenizer, 16)
    taken = []

    class Watched:
        def __getattr__(self, name):
            return getattr(tokenizer, name)

        def encode_batch_fast(self, texts):
            taken.append(sum(map(len, texts)))
            return tokenizer.encode_batch_fast(texts)

    monkeypatch.setattr("munjang.tasks.base.TOKENIZER_CHARACTERS", 40)
    assert_same(encode_texts(TEXTS, Watched(), 16), expected)
    assert len(taken) > 2 and max(taken) <= max(40, *map(len, TEXTS))


def test_tokenising_leaves_no_second_form_of_the_texts_behind(tokenizer):
    texts = [f"영화가 정말 재밌다 {number}" for number in range(3)]
    before = [sys.getsizeof(text) for text in texts]
    encode_texts(texts, tokenizer, 16)
    assert [sys.getsizeof(text) for text in texts] == before


def test_a_run_with_and_without_the_cache_ends_with_the_same_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("MUNJANG_CACHE", str(tmp_path / "cache"))
    corpus, config = mj.load_corpus("sample:sentiment"), mj.TrainConfig(backbone="scratch:tiny", epochs=1)
    weights = set()
    for name, cache in (("off", False), ("first", True), ("second", True)):
        folder = mj.train(corpus, config, out=tmp_path / name, cache=cache).folder
        weights.add((folder / "model.safetensors").read_bytes())
        assert (tmp_path / "cache").exists() == cache
    assert len(weights) == 1
    assert len(list((tmp_path / "cache" / "tokens").iterdir())) == 3  # vocabulary, train, validation
