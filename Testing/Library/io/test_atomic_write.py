"""Outputs are there whole or not at all."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from LiverTumorAttentionLib.errors import Cancelled, OutputError
from LiverTumorAttentionLib.io import (
    check_folder,
    check_writable,
    full_suffix,
    making_folder,
    replacing,
    replacing_all,
    replacing_folder,
)


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("a.seg.nrrd", ".seg.nrrd"),
        ("A.NII.GZ", ".nii.gz"),
        ("a.b.nrrd", ".nrrd"),
        ("a", ""),
        ("v1.2/x.csv", ".csv"),
    ],
)
def test_full_suffix(name, suffix):
    assert full_suffix(name) == suffix


def test_success_moves_the_file_over_the_old_one(tmp_path):
    target = tmp_path / "a.seg.nrrd"
    target.write_text("old")
    with replacing(target) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.name.startswith(".")
        assert temporary.name.endswith(".seg.nrrd")
        temporary.write_text("new")
        assert target.read_text() == "old"
        number = temporary.stat().st_ino
    assert target.read_text() == "new"
    assert target.stat().st_ino == number, "the file is moved, not copied"
    assert os.listdir(tmp_path) == ["a.seg.nrrd"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit, Cancelled])
def test_failure_leaves_everything_as_it_was(tmp_path, error):
    target = tmp_path / "a.nii.gz"
    target.write_text("old")

    def run() -> None:
        with replacing(target) as temporary:
            temporary.write_text("half")
            raise error("stopped")

    with pytest.raises(error, match="stopped"):
        run()
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.nii.gz"]


def test_several_files_come_all_or_none(tmp_path):
    first, second = tmp_path / "a.nii.gz", tmp_path / "b.csv"

    def run(fail: bool) -> None:
        with replacing_all([first, second]) as temporary:
            temporary[first].write_text("1")
            if fail:
                raise Cancelled
            temporary[second].write_text("2")

    with pytest.raises(Cancelled, match="cancelled; nothing was written"):
        run(fail=True)
    assert os.listdir(tmp_path) == []
    run(fail=False)
    assert (first.read_text(), second.read_text()) == ("1", "2")
    assert len(os.listdir(tmp_path)) == 2


def test_a_forgotten_file_moves_none(tmp_path):
    first, second = tmp_path / "a.nii.gz", tmp_path / "b.csv"

    def run() -> None:
        with replacing_all([first, second]) as temporary:
            temporary[first].write_text("1")

    with pytest.raises(RuntimeError, match=r"nothing was written for .*b\.csv"):
        run()
    assert os.listdir(tmp_path) == []


def test_a_link_keeps_pointing_at_its_file(tmp_path):
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    with replacing(tmp_path / "link.csv") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text() == "new"


def test_full_disk_is_a_plain_error(tmp_path):
    target = tmp_path / "a.csv"

    def run() -> None:
        with replacing(target, name="table") as temporary:
            temporary.write_text("half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(temporary))

    with pytest.raises(
        OutputError, match=r"the table '.*a\.csv' cannot be written \(no space left on device\)"
    ):
        run()
    assert os.listdir(tmp_path) == []


def test_other_errors_of_the_system_keep_their_traceback(tmp_path):
    def run() -> None:
        with replacing(tmp_path / "a.csv"):
            (tmp_path / "missing").read_text()

    with pytest.raises(FileNotFoundError, match="missing"):
        run()


def test_folder_that_does_not_exist(tmp_path):
    with pytest.raises(OutputError, match=r"the folder '.*nowhere' for the output does not exist"):
        check_writable(tmp_path / "nowhere" / "a.seg.nrrd")


def test_folders_above_are_made_where_that_is_asked_for_and_go_when_the_block_fails(tmp_path):
    deep = tmp_path / "new" / "deep" / "folder"
    with pytest.raises(OutputError, match=r"the folder .* does not exist"):
        check_folder(deep)
    assert check_folder(deep, parents=True) == deep
    assert not (tmp_path / "new").exists()
    with pytest.raises(ValueError, match="stop"), making_folder(deep, parents=True):
        raise ValueError("stop")
    assert not (tmp_path / "new").exists()
    with making_folder(deep, parents=True):
        pass
    assert deep.is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        check_folder(tmp_path / "file" / "deep", parents=True)


def test_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="is a file, so the table cannot be put in it"):
        check_writable(tmp_path / "file" / "a.csv", name="table")


def test_target_that_is_a_folder(tmp_path):
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(OutputError, match="is a folder: name a file in it"):
        check_writable(tmp_path / "a.csv")


def test_folder_that_cannot_be_written(as_nobody):
    folder = as_nobody / "locked"
    folder.mkdir()
    folder.chmod(0o555)
    with pytest.raises(OutputError, match=r"cannot be written \(permission denied\)"):
        check_writable(folder / "a.csv")


def test_suffix(tmp_path):
    with pytest.raises(OutputError, match=r"ends in '.png': give it a name that ends in .seg.nrrd or .dcm"):
        check_writable(tmp_path / "a.png", suffixes=(".seg.nrrd", ".dcm"))
    with pytest.raises(OutputError, match="has no suffix"):
        check_writable(tmp_path / "a", suffixes=(".seg.nrrd",))
    assert check_writable(tmp_path / "a.seg.nrrd", suffixes=(".seg.nrrd",)) == Path(tmp_path / "a.seg.nrrd")
    assert os.listdir(tmp_path) == [], "the check leaves nothing behind"


def test_a_folder_is_made_and_taken_back_when_the_block_fails(tmp_path: Path) -> None:
    with making_folder(tmp_path / "maps", name="attention") as folder:
        (folder / "a.txt").write_text("x")
    assert (tmp_path / "maps" / "a.txt").exists()
    with pytest.raises(ValueError, match="stop"), making_folder(tmp_path / "other"):
        raise ValueError("stop")
    assert not (tmp_path / "other").exists()
    with pytest.raises(ValueError, match="stop"), making_folder(tmp_path / "maps"):
        raise ValueError("stop")
    assert (tmp_path / "maps" / "a.txt").exists()  # what was there before stays


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match=r"the attention '.*file' is a file: name a folder"):
        check_folder(tmp_path / "file", name="attention")
    with pytest.raises(OutputError, match=r"the folder '.*nowhere' for the attention does not exist"):
        check_folder(tmp_path / "nowhere" / "maps", name="attention")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_when_one_file_cannot_be_moved_the_others_are_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets = [tmp_path / name for name in ("old.csv", "new.csv", "last.csv")]
    targets[0].write_text("before")
    replace = os.replace

    def fails_at_the_last(source: Path, target: Path) -> None:
        if target == targets[2]:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), str(source), None, str(target))
        replace(source, target)

    monkeypatch.setattr(os, "replace", fails_at_the_last)

    def run() -> None:
        with replacing_all(targets) as temporary:
            for part in temporary.values():
                part.write_text("after")

    with pytest.raises(
        OutputError, match=r"the output '.*last\.csv' cannot be written \(permission denied\)"
    ):
        run()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"old.csv": "before"}


def test_without_hard_links_the_old_files_are_put_back_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(source: Path, target: Path) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", no_links)
    test_when_one_file_cannot_be_moved_the_others_are_put_back(tmp_path, monkeypatch)


def test_a_link_to_another_folder_is_written_there(tmp_path: Path) -> None:
    """As on another disk: the temporary file lies beside the file behind the link, since a move cannot cross disks."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "link.csv").symlink_to(tmp_path / "disk" / "real.csv")
    with replacing_all([tmp_path / "link.csv", tmp_path / "b.csv"]) as temporary:
        assert temporary[tmp_path / "link.csv"].parent == tmp_path / "disk"
        for part in temporary.values():
            part.write_text("new")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "disk" / "real.csv").read_text() == "new"
    assert sorted(os.listdir(tmp_path)) == ["b.csv", "disk", "link.csv"]


def test_a_link_that_leads_nowhere_is_refused_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to(tmp_path / "missing" / "real.csv")
    with pytest.raises(
        OutputError, match=r"missing', where the link '.*link\.csv' leads, for the output does not"
    ):
        check_writable(tmp_path / "link.csv")
    (tmp_path / "circle.csv").symlink_to(tmp_path / "circle.csv")
    with pytest.raises(OutputError, match=r"circle\.csv' is a link that leads back to itself: name a file"):
        check_writable(tmp_path / "circle.csv")


def test_devices_pipes_and_empty_names_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    for path in (os.devnull, tmp_path / "pipe.csv"):
        with pytest.raises(OutputError, match="is a device or a pipe, no file: name a file"):
            check_writable(path)
    with pytest.raises(OutputError, match="the name given for the table is empty"):
        check_writable("", name="table")
    with pytest.raises(OutputError, match="the name given for the phantom is empty: name a folder"):
        check_folder(" ", name="phantom")


def test_errors_name_the_file_of_the_user(tmp_path: Path) -> None:
    def run() -> None:
        with replacing(tmp_path / "a.csv") as outer, replacing(outer, name="volume") as inner:
            raise OutputError(f"the volume '{inner}' cannot be written; {inner.name} is not whole")

    with pytest.raises(
        OutputError, match=r"^the volume '[^']*/a\.csv' cannot be written; a\.csv is not whole$"
    ):
        run()


def test_long_and_undecodable_names(tmp_path: Path) -> None:
    for name in ("ä" * 120 + ".seg.nrrd", os.fsdecode(b"M\xfcller.csv")):
        with replacing(tmp_path / name) as temporary:
            str(temporary.name).encode()  # ITK takes text only
            temporary.write_text("x")
        assert (tmp_path / name).read_text() == "x"


def test_two_runs_with_the_same_outputs_never_mix(tmp_path: Path) -> None:
    """One waits while the other moves its files."""
    fcntl = pytest.importorskip("fcntl")
    targets = [tmp_path / "a.csv", tmp_path / "b.csv"]
    handle = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    moved = threading.Event()

    def run() -> None:
        with replacing_all(targets) as temporary:
            for part in temporary.values():
                part.write_text("second")
        moved.set()

    thread = threading.Thread(target=run)
    thread.start()
    assert not moved.wait(0.3)
    assert not any(target.exists() for target in targets)
    os.close(handle)
    thread.join()
    assert [target.read_text() for target in targets] == ["second", "second"]


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    case = tmp_path / "case"
    case.mkdir()
    (case / "old.csv").write_text("old")
    with replacing_folder(case, contents=("old.csv", "new.csv")) as fresh:
        (fresh / "new.csv").write_text("new")
        assert os.listdir(case) == ["old.csv"]
    assert os.listdir(tmp_path) == ["case"]
    assert os.listdir(case) == ["new.csv"]


def test_a_folder_with_something_else_is_not_replaced(tmp_path: Path) -> None:
    case = tmp_path / "case"
    case.mkdir()
    (case / "notes.txt").write_text("mine")

    def run() -> None:
        with replacing_folder(case, contents=("new.csv",), name="case") as fresh:
            (fresh / "new.csv").write_text("new")

    with pytest.raises(
        OutputError, match=r"the case '.*case' is there and holds 'notes\.txt', which would be lost"
    ):
        run()
    assert os.listdir(tmp_path) == ["case"]
    assert os.listdir(case) == ["notes.txt"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, Cancelled])
def test_a_folder_that_fails_stays_as_it_was(tmp_path: Path, error: type[BaseException]) -> None:
    case = tmp_path / "case"
    case.mkdir()
    (case / "a.csv").write_text("old")

    def run() -> None:
        with replacing_folder(case, contents=("a.csv",)) as fresh:
            (fresh / "a.csv").write_text("half")
            raise error("stopped")

    with pytest.raises(error, match="stopped"):
        run()
    assert os.listdir(tmp_path) == ["case"]
    assert (case / "a.csv").read_text() == "old"
