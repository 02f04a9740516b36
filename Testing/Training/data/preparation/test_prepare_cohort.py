"""A folder of prepared cases: filled once, resumed after anything, and never for two settings."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from LiverTumorAttentionLib.errors import InputError, OutputError
from Testing.patience import PATIENCE_S
from Testing.Training.abdomen import make_abdomen
from Testing.Training.data.preparation.data_set import write_source
from Testing.Training.prepared import slice_recipe
from training.data.case import PreparedCase, SourceCase
from training.data.preparation import Manifest, Preparation
from training.data.preparation.prepare_cohort import opened
from training.recipes.recipe import Recipe

RECIPE = slice_recipe("tumor")


def fill(
    folder: Path, sources: Sequence[SourceCase], recipe: Recipe = RECIPE, processes: int = 1
) -> list[str]:
    """Prepare what is missing of some cases; return the names of those that were prepared."""
    with opened(folder, Preparation.of(recipe)) as cohort:
        entries = cohort.prepare(cohort.missing(sources), processes=processes)
    return [entry.source.name for entry in entries if entry.state == "done"]


def on_disk(folder: Path) -> dict[str, int]:
    """Return when each file of the prepared cases was written."""
    return {str(path): path.stat().st_mtime_ns for path in (folder / "cases").rglob("*.npy")}


def data_set(folder: Path, count: int) -> list[SourceCase]:
    """Write abdomens that differ in their noise alone."""
    return [write_source(folder, f"case-{seed}", *make_abdomen(seed)) for seed in range(count)]


@pytest.fixture
def sources(tmp_path: Path) -> list[SourceCase]:
    return data_set(tmp_path / "data", 2)


def test_a_second_run_does_nothing(sources: list[SourceCase], tmp_path: Path) -> None:
    folder = tmp_path / "prepared"
    assert fill(folder, sources) == ["case-0", "case-1"]
    before = on_disk(folder)
    assert fill(folder, sources) == []
    assert on_disk(folder) == before
    assert len(before) == 8


def test_what_has_changed_is_prepared_anew_and_what_was_only_touched_is_not(
    sources: list[SourceCase], tmp_path: Path
) -> None:
    folder = tmp_path / "prepared"
    fill(folder, sources)
    os.utime(sources[0].portal)
    portal, labels = make_abdomen(seed=7)
    write_source(tmp_path / "data", "case-1", portal + 1, labels)
    assert fill(folder, sources) == ["case-1"]
    assert fill(folder, sources) == []
    case = PreparedCase.read(folder / "cases" / "case-1")
    assert np.median(case.volume("portal")[case.labels == 1]) == 91


def test_facts_and_places_of_files_are_brought_over_without_preparing_anew(
    sources: list[SourceCase], tmp_path: Path
) -> None:
    folder, moved = tmp_path / "prepared", tmp_path / "moved"
    fill(folder, sources)
    before = on_disk(folder)
    shutil.move(tmp_path / "data", moved)
    portal = moved / "case-0" / "portal.nii.gz"
    labels = replace(sources[0].labels[0], path=moved / "case-0" / "labels.nii.gz")
    known = replace(sources[0], portal=portal, labels=(labels,), patient="P1", facts={"scanner": "B"})
    assert fill(folder, [known]) == []
    assert on_disk(folder) == before
    manifest = Manifest.read(folder)
    case = manifest.cases()[0]
    assert (case.patient, dict(case.facts)) == ("P1", {"scanner": "B"})
    assert manifest.source("case-0") == known
    other = replace(known, labels=(replace(labels, values={0: 0, 1: 1, 2: 1}),))
    assert fill(folder, [other]) == ["case-0"]  # what its labels mean is no mere fact


def test_a_case_that_cannot_be_prepared_stops_no_other_and_is_tried_again(
    sources: list[SourceCase], tmp_path: Path
) -> None:
    folder = tmp_path / "prepared"
    good = sources[0].portal.read_bytes()
    sources[0].portal.write_bytes(good[:200])
    assert fill(folder, sources) == ["case-1"]
    manifest = Manifest.read(folder)
    assert manifest.entries["case-0"].state == "failed"
    assert "portal.nii.gz' is cut short" in (manifest.entries["case-0"].reason or "")
    assert [case.name for case in manifest.cases()] == ["case-1"]
    sources[0].portal.write_bytes(good)
    assert fill(folder, sources) == ["case-0"]


def test_other_settings_are_refused_by_name(sources: list[SourceCase], tmp_path: Path) -> None:
    folder = tmp_path / "prepared"
    fill(folder, sources)
    coarser = slice_recipe("tumor", stage_changes={"grid": {"in_plane_spacing_mm": 9.0}})
    with pytest.raises(InputError, match=r"stage.grid.in_plane_spacing_mm is None there and 9.0 here"):
        fill(folder, sources, coarser)
    # What the network does with the arrays afterwards is no matter of preparation.
    brighter = slice_recipe("tumor", stage_changes={"intensity": {"window_hu": [-70, 180]}}, tile=(64, 64))
    assert fill(folder, sources, brighter) == []


def test_two_runs_do_not_fill_one_folder(sources: list[SourceCase], tmp_path: Path) -> None:
    folder = tmp_path / "prepared"
    with (
        opened(folder, Preparation.of(RECIPE)),
        pytest.raises(InputError, match="is being prepared by another run"),
    ):
        fill(folder, sources)
    assert fill(folder, sources) == ["case-0", "case-1"]


@pytest.mark.parametrize("name", ["../up", ".hidden", "a b", ""])
def test_names_that_are_no_folders_are_refused(sources: list[SourceCase], tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="names are made of letters, digits"):
        fill(tmp_path / "prepared", [replace(sources[0], name=name)])


def test_names_that_differ_by_the_size_of_letters_alone_are_refused(
    sources: list[SourceCase], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="two cases are called 'CASE-0'"):
        fill(tmp_path / "prepared", [*sources, replace(sources[0], name="CASE-0")])


def test_what_the_manifest_does_not_know_is_taken_over_from_the_folders(
    sources: list[SourceCase], tmp_path: Path
) -> None:
    folder = tmp_path / "prepared"
    fill(folder, sources)
    (folder / "manifest.json").unlink()
    shutil.rmtree(folder / "cases" / "case-1")
    (folder / "cases" / ".case-1.0123.part").mkdir()  # what a kill leaves
    with opened(folder, Preparation.of(RECIPE)) as cohort:
        assert list(cohort.entries) == ["case-0"]
        assert [path.name for path in (folder / "cases").iterdir()] == ["case-0"]
    (folder / "manifest.json").unlink()
    assert fill(folder, sources) == ["case-1"]
    assert sorted(path.name for path in (folder / "cases").iterdir()) == ["case-0", "case-1"]
    (folder / "manifest.json").unlink()
    coarser = slice_recipe("tumor", stage_changes={"grid": {"in_plane_spacing_mm": 9.0}})
    assert fill(folder, sources, coarser) == ["case-0", "case-1"]  # those there were made by other settings


def test_a_full_disk_is_told_and_leaves_nothing_half_written(
    sources: list[SourceCase], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "prepared"
    fill(folder, sources[:1])
    before = on_disk(folder)
    save, written = np.save, []

    def full(path: Path, *arguments: Any, **options: Any) -> None:
        written.append(path)
        if len(written) == 2:
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        save(path, *arguments, **options)

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(OutputError, match=r"'case-1' cannot be written .* \(no space left on device\): free"):
        fill(folder, sources)
    assert on_disk(folder) == before
    assert [path.name for path in (folder / "cases").iterdir()] == ["case-0"]
    assert list(Manifest.read(folder).entries) == ["case-0"]
    monkeypatch.undo()
    assert fill(folder, sources) == ["case-1"]


def test_a_full_disk_leaves_the_older_case_that_was_to_be_replaced(
    sources: list[SourceCase], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "prepared"
    fill(folder, sources)
    before = on_disk(folder)
    portal, labels = make_abdomen(seed=7)
    write_source(tmp_path / "data", "case-1", portal, labels)

    def full(*arguments: Any, **options: Any) -> None:
        raise OSError("0 requested and 16 written")  # what numpy says of a full disk

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(OutputError, match=r"cannot be written .* \(the disk took only a part of it\)"):
        fill(folder, sources)
    assert on_disk(folder) == before


FILL = """
import sys
from pathlib import Path
from Testing.Training.data.preparation.test_prepare_cohort import data_set, fill
if __name__ == "__main__":
    folder = Path(sys.argv[1])
    fill(folder / "prepared", data_set(folder / "data", 24), processes=2)
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="tells a process's children by /proc")
def test_a_run_that_is_killed_ends_its_processes_and_goes_on_where_it_was(tmp_path: Path) -> None:
    script = tmp_path / "fill.py"
    script.write_text(FILL)
    root = Path(__file__).resolve().parents[4]
    data_set(tmp_path / "data", 24)
    run = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(root)},
        start_new_session=True,
    )
    cases = tmp_path / "prepared" / "cases"
    try:
        until(lambda: len(list(cases.glob("case-*"))) >= 2)
        children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
    assert len(children) >= 2
    until(lambda: not any(alive(int(child)) for child in children))

    done = [path.name for path in cases.glob("case-*")]
    assert len(done) < 24
    for name in done:  # whole, though the run was killed somewhere in the midst
        case = PreparedCase.read(cases / name)
        assert case.volume("portal").shape == case.labels.shape
        assert len(case.places["tumor"])
    before = on_disk(tmp_path / "prepared")
    sources = data_set(tmp_path / "again", 24)
    rest = fill(tmp_path / "prepared", sources)
    assert sorted([*rest, *done]) == sorted(source.name for source in sources)
    after = on_disk(tmp_path / "prepared")
    assert {path: after[path] for path in before if "/." not in path} == {
        path: when for path, when in before.items() if "/." not in path
    }
    assert not list(cases.glob(".*"))


def until(condition: Any, seconds: float = PATIENCE_S) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False
