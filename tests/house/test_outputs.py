"""Outputs: a result is replaced as a whole whenever a kill comes, and one process at a time writes it."""

import errno
import itertools
import json
import os
import signal
import stat
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from kills.points import Steps, in_child

from munjang.errors import BundleError, InUse
from munjang.files import outputs
from munjang.files.outputs import (
    final_place,
    replaced_together,
    settle,
    sole_writer,
    staged,
    work_of_file,
    work_of_folder,
)

OLD = {"a": "old a", "b": "old b", "run/x": "old x"}
NEW = {"a": "new a", "c": "new c", "run/y": "new y"}
MINE = {"mine": "mine"}

posix = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def fill(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def content(folder):
    """Every file in a folder but those of the work folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    names = {path.relative_to(folder).as_posix(): path.read_text() for path in files}
    return {name: text for name, text in names.items() if not name.startswith(outputs.WORK)}


def replace_old(folder):
    with replaced_together(work_of_folder(folder), last=["c"], outdated=["b", "run", "gone"]) as inside:
        fill(inside, NEW)


@contextmanager
def other_process(work):
    """Another process that holds an output within the block; yields its number, and a function that kills it."""
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        with sole_writer(work):
            os.write(told, b"x")
            signal.pause()
    os.read(ready, 1)
    alive = [child]

    def kill():
        os.kill(alive.pop(), signal.SIGKILL)
        os.waitpid(child, 0)

    try:
        yield child, kill
    finally:
        if alive:
            kill()
        os.close(ready)
        os.close(told)


@posix
def test_a_kill_at_every_step_leaves_the_old_result_or_the_new_one_and_never_both(tmp_path):
    seen = []
    for number in itertools.count():
        folder = tmp_path / str(number)
        folder.mkdir()
        fill(folder, OLD | MINE)
        steps = Steps(str(folder), number)
        if in_child(lambda folder=folder, steps=steps: (steps.arm(), replace_old(folder))).code != -signal.SIGKILL:
            break
        found = content(folder)
        assert found["mine"] == "mine" and found["a"] in ("old a", "new a"), "what is only replaced is always there"
        assert found.items() <= (OLD | MINE).items() or found.items() <= (NEW | MINE).items(), number
        settle(work_of_folder(folder))
        settled = content(folder)
        assert settled in (OLD | MINE, NEW | MINE)
        if settled != NEW | MINE:
            replace_old(folder)
        assert content(folder) == NEW | MINE
        assert sorted(os.listdir(folder)) == ["a", "c", "mine", "run"]
        seen.append(settled["a"])
    assert [text for text, __ in itertools.groupby(seen)] == ["old a", "new a"]
    assert seen.count("old a") > 10 and seen.count("new a") > 10


@posix
def test_where_nothing_was_a_kill_leaves_nothing_or_the_new_result(tmp_path):
    for number in itertools.count():
        folder = tmp_path / str(number) / "out"
        steps = Steps(str(folder.parent), number)
        folder.parent.mkdir()
        if in_child(lambda folder=folder, steps=steps: (steps.arm(), replace_old(folder))).code != -signal.SIGKILL:
            break
        settle(work_of_folder(folder))
        assert (content(folder) if folder.exists() else {}) in ({}, NEW)
        replace_old(folder)
        assert content(folder) == NEW
    assert number > 15


def test_an_error_leaves_the_old_result_and_nothing_else(tmp_path):
    fill(tmp_path, OLD)
    with pytest.raises(KeyError), replaced_together(work_of_folder(tmp_path), outdated=["a"]) as inside:
        fill(inside, NEW)
        raise KeyError
    assert content(tmp_path) == OLD and sorted(os.listdir(tmp_path)) == ["a", "b", "run"]


def test_a_lock_leaves_nothing_not_even_the_folder_that_it_made(tmp_path):
    with sole_writer(work_of_folder(tmp_path / "deep" / "out")):
        assert (tmp_path / "deep" / "out").is_dir()
    assert os.listdir(tmp_path) == []


@posix
@pytest.mark.parametrize(("work_of", "name"), [(work_of_folder, "out"), (work_of_file, "out.csv")])
def test_a_second_process_is_told_who_writes_and_a_dead_one_is_forgotten(tmp_path, work_of, name):
    work = work_of(tmp_path / name)
    with other_process(work) as (child, kill):
        expected = rf"{name} is in use: process {child} on \S+ has been writing it since \d{{4}}-.*Wait until it ends"
        with pytest.raises(InUse, match=expected) as raised, sole_writer(work):
            raise AssertionError
        assert raised.value.exit_code == 8 and "\n" not in str(raised.value)
        kill()
        with sole_writer(work):
            pass
    assert [path.name for path in tmp_path.rglob("*")] in ([], ["out"]), "the folder itself was made by the dead one"


def test_a_second_thread_is_refused_but_the_same_one_may_nest(tmp_path):
    work, refused = work_of_folder(tmp_path), []

    def second():
        try:
            with sole_writer(work):
                pass
        except InUse as error:
            refused.append(error)

    with sole_writer(work):
        with sole_writer(work):
            pass
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert len(refused) == 1 and os.listdir(tmp_path) == []


@pytest.fixture
def no_locks(monkeypatch):
    """A file system that has no locks."""

    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("munjang.files.flock", refuse)


@posix
def test_without_locks_of_the_system_the_record_of_the_owner_decides(tmp_path, no_locks):
    work = work_of_folder(tmp_path)
    with other_process(work) as (child, kill):
        expected = rf"process {child} .*no locks: if that process no longer runs, delete .*lock"
        with pytest.raises(InUse, match=expected), sole_writer(work):
            raise AssertionError
        kill()
        with sole_writer(work):
            pass
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("change", "is_refused"),
    [
        ({}, True),
        ({"started": "1"}, False),
        ({"pid": 2**22 + 1}, False),
        ({"machine": "else"}, True),
        ({"machine": "else", "started": "1"}, True),
    ],
)
def test_a_number_that_another_process_has_now_is_no_owner(tmp_path, no_locks, change, is_refused):
    work = work_of_folder(tmp_path)
    work.mkdir()
    (work / "lock").write_text(json.dumps(outputs.this_process() | change))
    if is_refused:
        with pytest.raises(InUse), sole_writer(work):
            raise AssertionError
    else:
        with sole_writer(work):
            pass


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x"}'])
def test_a_lock_file_that_tells_nothing_is_taken_over(tmp_path, no_locks, text):
    work_of_folder(tmp_path).mkdir()
    (work_of_folder(tmp_path) / "lock").write_text(text)
    with sole_writer(work_of_folder(tmp_path)):
        pass
    assert os.listdir(tmp_path) == []


def test_links_in_place_of_the_work_folder_and_the_lock_are_not_followed(tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "lock").write_text("mine")
    (tmp_path / "out").mkdir()
    work_of_folder(tmp_path / "out").symlink_to(tmp_path / "other")
    with replaced_together(work_of_folder(tmp_path / "out")) as inside:
        fill(inside, NEW)
    assert content(tmp_path / "out") == NEW and content(tmp_path / "other") == {"lock": "mine"}
    work_of_folder(tmp_path / "out").mkdir()
    (work_of_folder(tmp_path / "out") / "lock").symlink_to(tmp_path / "other" / "lock")
    with pytest.raises(OSError, match="symbolic links"), sole_writer(work_of_folder(tmp_path / "out")):
        raise AssertionError
    assert content(tmp_path / "other") == {"lock": "mine"}


@pytest.mark.parametrize("name", ["..", ".", "", "../a", "/a", "run/x", ".munjang"])
@pytest.mark.parametrize("kind", ["outdated", "new"])
def test_a_folder_from_elsewhere_cannot_move_files_about(tmp_path, name, kind):
    fill(tmp_path, {"a": "mine"})
    folder = tmp_path / "model"
    work = work_of_folder(folder)
    (work / "ready").mkdir(parents=True)
    fill(folder, OLD)
    (work / "ready.json").write_text(json.dumps({"outdated": [], "new": []} | {kind: [name]}))
    with pytest.raises(BundleError, match=r"ready\.json is damaged: it names what is not in its folder"):
        settle(work)
    assert content(folder) == OLD and (tmp_path / "a").read_text() == "mine"


@posix
def test_a_folder_that_the_user_reaches_through_a_link_works_as_any_other(tmp_path):
    (tmp_path / "disk").mkdir()
    fill(tmp_path / "disk", OLD)
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    steps = Steps(str(tmp_path), "os.rename out/.munjang/ready/c")
    assert in_child(lambda: (os.chdir(tmp_path), steps.arm(), replace_old(Path("out")))).code == -signal.SIGKILL
    assert (tmp_path / "disk" / ".munjang").exists()
    settle(work_of_folder(tmp_path / "out"))
    assert content(tmp_path / "disk") == NEW and (tmp_path / "out").is_symlink()


@pytest.mark.parametrize(("name", "error"), [("out", FileExistsError), ("a file/out", NotADirectoryError)])
def test_a_folder_that_cannot_be_made_is_an_error_and_not_waited_for(tmp_path, name, error):
    (tmp_path / "out").symlink_to(tmp_path / "nowhere")
    (tmp_path / "a file").write_text("mine")
    with pytest.raises(error), sole_writer(work_of_folder(tmp_path / name)):
        raise AssertionError
    assert sorted(os.listdir(tmp_path)) == ["a file", "out"]


def test_a_work_folder_that_its_last_owner_deletes_meanwhile_is_made_again(tmp_path, monkeypatch):
    work, opened = work_of_folder(tmp_path), os.open

    def open_late(path, *options):
        monkeypatch.undo()
        work.rmdir()
        return opened(path, *options)

    monkeypatch.setattr("os.open", open_late)
    with sole_writer(work):
        assert (work / "lock").exists()


def test_links_in_place_of_what_is_written_are_deleted_not_followed(tmp_path):
    fill(tmp_path, {"other/a": "mine"})
    work = work_of_folder(tmp_path / "out")
    work.mkdir(parents=True)
    for name in ("new", "ready", "ready.json"):
        (work / name).symlink_to(tmp_path / "other")
    with replaced_together(work) as inside:
        fill(inside, NEW)
    assert content(tmp_path / "out") == NEW and content(tmp_path / "other") == {"a": "mine"}
    assert not work.exists()


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_the_umask_says_who_may_read_a_result(tmp_path, mask):
    before = os.umask(mask)
    try:
        with replaced_together(work_of_folder(tmp_path / "out")) as inside:
            (inside / "weights").touch(0o600)  # as safetensors does
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out" / "weights").stat().st_mode) == 0o666 & ~mask


def test_a_ready_folder_that_is_a_link_is_no_result(tmp_path):
    fill(tmp_path, {"a": "mine"})
    work = work_of_folder(tmp_path / "model")
    work.mkdir(parents=True)
    (work / "ready").symlink_to(tmp_path)
    (work / "ready.json").write_text(json.dumps({"outdated": [], "new": ["a"]}))
    settle(work)
    assert (tmp_path / "a").read_text() == "mine" and not (tmp_path / "model" / "a").exists()


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_reader_that_cannot_write_reads_a_whole_result_and_names_an_unmoved_one(tmp_path, monkeypatch, number):
    work = work_of_folder(tmp_path)
    work.mkdir()

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("os.open", refuse)
    settle(work)
    (work / "ready").mkdir()
    with pytest.raises(BundleError, match=r"was being replaced when .* killed.*Repeat that command"):
        settle(work)


@posix
def test_a_reader_waits_for_what_another_process_moves(tmp_path, monkeypatch):
    work = work_of_folder(tmp_path)
    fill(tmp_path, OLD)

    def move_slowly():
        rename = Path.replace

        def slow(path, target):
            done = rename(path, target)
            if path.parent.name == "ready":
                os.kill(os.getpid(), signal.SIGSTOP)
            return done

        monkeypatch.setattr(Path, "replace", slow)
        replace_old(tmp_path)

    monkeypatch.setattr(outputs, "PATIENCE_S", 0.05)
    child = os.fork()
    if child == 0:
        move_slowly()
        os._exit(0)
    try:
        for __ in NEW:
            os.waitpid(child, os.WUNTRACED)
            with pytest.raises(InUse, match=f"process {child}"):
                settle(work)
            os.kill(child, signal.SIGCONT)
        settle(work)
        assert content(tmp_path) == NEW
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@posix
def test_a_reader_does_not_wait_for_what_another_process_makes_nor_keep_a_writer_off(tmp_path):
    work = work_of_folder(tmp_path)
    fill(tmp_path, OLD)
    with other_process(work) as (__, kill):
        settle(work)
        threading.Timer(0.05, kill).start()  # as if it had been a reader, which is quick
        with sole_writer(work, patience_s=5):
            pass
    assert content(tmp_path) == OLD


def test_a_lock_file_that_stays_names_no_owner(tmp_path, no_locks, monkeypatch):
    def refuse(*_):
        raise PermissionError

    with monkeypatch.context() as windows, sole_writer(work_of_folder(tmp_path)):
        windows.setattr("os.unlink", refuse)
    assert (work_of_folder(tmp_path) / "lock").exists()
    with sole_writer(work_of_folder(tmp_path)):
        pass


def test_a_staged_path_is_shown_as_where_it_will_be(tmp_path):
    work = work_of_folder(tmp_path / "m")
    inner = staged(work_of_folder(staged(work) / "run" / "baseline"))
    assert final_place(inner / "config.json") == tmp_path / "m" / "run" / "baseline" / "config.json"
    assert final_place(staged(work_of_file(tmp_path / "o.csv")) / "o.csv") == tmp_path / "o.csv"
    assert final_place(tmp_path / "new" / "m") == tmp_path / "new" / "m"
