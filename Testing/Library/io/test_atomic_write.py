"""Outputs are there whole or not at all."""

from __future__ import annotations

import errno
import os
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
