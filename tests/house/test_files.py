"""Files and folders that are whole or not there: a kill at every step, a full disk, an error."""

import itertools
import json
import os
import signal
import stat
import threading
import time
from pathlib import Path

import pytest
from kills.points import Steps, in_child

from munjang.files import processes, temporary_name, whole_file, whole_folder, write_json


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


def outcomes(tmp_path, write, make_old):
    """What stands at the path after a kill at every step, one after another, and what one more write leaves."""
    seen = []
    for number in itertools.count():
        path = tmp_path / str(number) / "report"
        path.parent.mkdir()
        make_old(path)
        steps = Steps(str(path.parent), number)
        if in_child(lambda path=path, steps=steps: (steps.arm(), write(path))).code != -signal.SIGKILL:
            return seen
        seen.append(content(path))
        write(path)
        assert content(path) in ("new file", {"a": "new a", "b": "new b"})
        assert os.listdir(path.parent) == ["report"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("old", ["old file", None])
def test_a_kill_leaves_the_old_file_or_the_new_one(tmp_path, old):
    seen = outcomes(tmp_path, new_file, lambda path: path.write_text(old) if old else None)
    assert set(seen) == {old, "new file"}
    assert seen.count(old) >= 3


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
def test_where_no_folder_was_a_kill_leaves_none(tmp_path):
    seen = outcomes(tmp_path, new_folder, lambda folder: None)
    assert set(seen) == {None} and len(seen) > 5


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


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_files_of_a_folder_too_even_where_a_library_made_them_private(tmp_path, mask):
    before = os.umask(mask)
    try:
        with whole_folder(tmp_path / "model") as beside:
            (beside / "weights").touch(0o600)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "model" / "weights").stat().st_mode) == 0o666 & ~mask


DEAD = f"{processes.machine()}_{2**22 + 1}_1_0123456789abcdef"
"""How a temporary name ends that a process gave which has died: no process of Linux has so high a number."""


def test_a_write_deletes_what_dead_processes_left_of_it_and_nothing_else(tmp_path):
    (tmp_path / f".a.json.{DEAD}").write_text("half")
    (tmp_path / f".b.{DEAD}").mkdir()
    (tmp_path / f".b.{DEAD}" / "part").write_text("half")
    others = [f".c.json.{DEAD}", ".a.json.notes", f".a.json.{DEAD}.txt", f"a.json.{DEAD}"]
    for name in others:
        (tmp_path / name).write_text("of someone else")
    write_json(tmp_path / "a.json", 2)
    new_folder(tmp_path / "b")
    assert sorted(os.listdir(tmp_path)) == sorted([*others, "a.json", "b"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_what_threads_and_processes_are_writing_is_not_abandoned(tmp_path):
    def write_another():
        write_json(tmp_path / "a.json", 2)
        new_folder(tmp_path / "b")

    with whole_file(tmp_path / "a.json") as writing, whole_folder(tmp_path / "b") as filling:
        (tmp_path / "other").write_text("1")
        os.replace(tmp_path / "other", writing)  # as safetensors does: another file with our name
        thread = threading.Thread(target=write_another)
        thread.start()
        thread.join()
        assert in_child(write_another).code == 0
        (filling / "a").write_text("1")
    assert (tmp_path / "a.json").read_text() == "1" and content(tmp_path / "b") == {"a": "1"}
    assert sorted(os.listdir(tmp_path)) == ["a.json", "b"]


@pytest.mark.parametrize(("age_s", "is_left"), [(60, True), (100_000, False)])
def test_what_another_machine_left_is_deleted_after_a_day(tmp_path, age_s, is_left):
    left = tmp_path / f".a.json.{DEAD.replace(processes.machine(), '0' * 8)}"
    left.write_text("half")
    os.utime(left, (time.time() - age_s,) * 2)
    write_json(tmp_path / "a.json", 2)
    assert left.exists() is is_left


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux")
def test_a_process_is_known_by_its_start_and_a_dead_one_is_dead_before_its_parent_asks():
    me = os.getpid()
    assert processes.is_running(me, processes.start_of(me)) and not processes.is_running(me, "1")
    child = os.fork()
    if child == 0:
        signal.pause()
    start = processes.start_of(child)
    assert processes.is_running(child, start)
    os.kill(child, signal.SIGKILL)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)  # it is dead, and still has its number
    assert not processes.is_running(child, start)
    os.waitpid(child, 0)
    assert not processes.is_running(child, start)


def test_no_link_is_followed_out_of_the_folder(tmp_path):
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "a.json").symlink_to("precious")
    (tmp_path / f".a.json.{DEAD}").symlink_to("precious")
    write_json(tmp_path / "a.json", 1)
    assert (tmp_path / "precious").read_text() == "mine" and not (tmp_path / "a.json").is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["a.json", "precious"]


@pytest.mark.parametrize("name", ["가" * 80 + ".csv", "😀" * 60, "a" * 250])
def test_a_name_as_long_as_file_systems_take_has_room_beside_it(tmp_path, name):
    write_json(tmp_path / name, 1)
    with whole_file(tmp_path / name) as writing:
        assert len(os.fsencode(writing.name)) < 255
        writing.write_text("2")
    assert os.listdir(tmp_path) == [name]


def test_names_of_temporary_files_cannot_be_guessed(tmp_path):
    names = {temporary_name(tmp_path / "a").name for __ in range(100)}
    assert len(names) == 100 and all(len(name) >= len(".a.") + 16 for name in names)
