"""Files and folders that are whole or not there: a kill at every step, a full disk, an error."""

import itertools
import json
import os
import signal
import stat
from pathlib import Path

import pytest

from munjang.files import files_inside, whole_file, whole_folder, write_json

STEPS = ("open", "mkdir", "fsync", "replace", "unlink", "rmdir")  # of os: the steps of a write


def new_file(path):
    with whole_file(path) as beside, beside.open("w") as stream:
        for half in ("new ", "file"):
            stream.write(half)
            stream.flush()
            os.fsync(stream.fileno())


def new_folder(folder):
    with whole_folder(folder) as beside:
        for name in ("a", "b"):
            (beside / name).write_text(f"new {name}")


def content(path):
    """The text of a file, or of every file in a folder; None where nothing is."""
    if path.is_dir():
        return {each.name: each.read_text() for each in path.iterdir()}
    return path.read_text() if path.exists() else None


def killed_at(call, write, path):
    """Whether SIGKILL met a child process that writes, right before call number `call` of one of STEPS."""
    child = os.fork()
    if child == 0:
        calls = itertools.count()

        def counted(real):
            def step(*args, **kwargs):
                if next(calls) == call:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*args, **kwargs)

            return step

        for name in STEPS:
            setattr(os, name, counted(getattr(os, name)))
        write(path)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def outcomes(tmp_path, write, make_old):
    """What stands at the path after a kill before every call, one after another, and what one more write leaves."""
    seen = []
    for call in itertools.count():
        path = tmp_path / str(call) / "report"
        path.parent.mkdir()
        make_old(path)
        if not killed_at(call, write, path):
            return seen
        seen.append(content(path))
        write(path)
        assert content(path) in ("new file", {"a": "new a", "b": "new b"})
        if path.is_dir():
            assert os.listdir(path.parent) == ["report"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("old", ["old file", None])
def test_a_kill_leaves_the_old_file_or_the_new_one(tmp_path, old):
    seen = outcomes(tmp_path, new_file, lambda path: path.write_text(old) if old else None)
    assert set(seen) == {old, "new file"}
    assert seen.count(old) >= 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_kill_leaves_the_old_folder_or_the_new_one_or_between_two_renames_none(tmp_path):
    old, new = {"a": "old a", "c": "old c"}, {"a": "new a", "b": "new b"}

    def make_old(folder):
        folder.mkdir()
        for name, text in old.items():
            (folder / name).write_text(text)

    seen = outcomes(tmp_path, new_folder, make_old)
    assert [key for key, group in itertools.groupby(seen)] == [old, None, new]
    assert seen.count(None) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_where_no_folder_was_a_kill_leaves_none_or_the_new_one(tmp_path):
    seen = outcomes(tmp_path, new_folder, lambda folder: None)
    assert [key for key, group in itertools.groupby(seen)] == [None, {"a": "new a", "b": "new b"}]


@pytest.mark.parametrize("write", [new_file, new_folder])
def test_everything_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch, write):
    done, synced, sync, replace = [], set(), os.fsync, os.replace

    def noted_sync(descriptor):
        synced.add(os.fstat(descriptor).st_ino)
        sync(descriptor)

    def noted_replace(source, target):
        done.append({each.stat().st_ino for each in (source, *Path(source).rglob("*"))} <= synced)
        replace(source, target)

    monkeypatch.setattr("os.fsync", noted_sync)
    monkeypatch.setattr("os.replace", noted_replace)
    write(tmp_path / "report")
    assert done == [True]


@pytest.mark.parametrize("write", [new_file, new_folder])
@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_an_error_leaves_what_was_there(tmp_path, monkeypatch, write, failing):
    write(tmp_path / "report")
    before = content(tmp_path / "report")

    def fail(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(f"os.{failing}", fail)
    with pytest.raises(OSError, match="Input/output error"):
        write(tmp_path / "report")
    assert content(tmp_path / "report") == before
    assert os.listdir(tmp_path) == ["report"]


def test_the_old_folder_comes_back_where_the_new_one_cannot_take_its_name(tmp_path, monkeypatch):
    new_folder(tmp_path / "report")
    (tmp_path / "report" / "a").write_text("old a")
    replace, calls = os.replace, itertools.count()

    def second_fails(source, target):
        if next(calls) == 1:
            raise OSError(5, "Input/output error")
        replace(source, target)

    monkeypatch.setattr("os.replace", second_fails)
    with pytest.raises(OSError, match="Input/output error"):
        new_folder(tmp_path / "report")
    assert content(tmp_path / "report")["a"] == "old a"
    assert os.listdir(tmp_path) == ["report"]


def test_a_full_disk_names_the_file_that_was_asked_for_and_leaves_the_old_one(tmp_path, small_disk):
    write_json(tmp_path / "a.json", ["old"])
    with pytest.raises(OSError, match="too large") as raised:
        write_json(tmp_path / "a.json", ["x" * 30_000])
    assert raised.value.filename == str(tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text()) == ["old"]
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_file_that_cannot_be_made_is_named_as_it_was_asked_for(tmp_path):
    with pytest.raises(FileNotFoundError) as raised:
        write_json(tmp_path / "nowhere" / "a.json", 1)
    assert raised.value.filename == str(tmp_path / "nowhere" / "a.json")


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_a_file_may_be_read_by_those_who_may_read_any_new_file(tmp_path, mask):
    before = os.umask(mask)
    try:
        write_json(tmp_path / "a.json", 1)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o666 & ~mask


def test_files_move_up_in_order_and_others_stay(tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    (tmp_path / ".staging").mkdir()
    (tmp_path / ".staging" / "left by a kill").write_text("half")
    moved, replace = [], os.replace
    monkeypatch.setattr("os.replace", lambda source, target: (moved.append(target.name), replace(source, target)))
    with files_inside(tmp_path, ".staging", last=("a",)) as inside:
        for name in ("a", "b", "c"):
            (inside / name).write_text(name)
    assert moved == ["b", "c", "a"]
    assert sorted(os.listdir(tmp_path)) == ["a", "b", "c", "run"]
