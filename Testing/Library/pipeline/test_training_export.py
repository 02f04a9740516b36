"""A corrected case as training reads it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.correction import (
    Accept,
    Add,
    CorrectionCase,
    CorrectionLog,
    CorrectionSession,
    Reject,
)
from LiverTumorAttentionLib.errors import Cancelled, InputError, OutputError
from LiverTumorAttentionLib.pipeline.training_export import write_training_case
from LiverTumorAttentionLib.progress import Progress
from Testing.Library.correction.made_case import Ball, made_case, oblique
from training.data.layouts import find_cases
from training.data.layouts.reading import read_case

BALLS = (
    Ball(center=(12, 20, 20), radius_mm=9.0, number=1),
    Ball(center=(24, 36, 40), radius_mm=8.0, number=2),
    Ball(center=(28, 18, 44), radius_mm=6.0, portal=-60.0),
)


@pytest.fixture(scope="module")
def session() -> CorrectionSession:
    session = CorrectionSession(made_case(BALLS, direction=oblique()))
    session.do(Add(point=session.case.point_at((28, 18, 44))))
    session.do(Accept(lesion=1))
    session.do(Reject(lesion=2))
    return session


def test_training_reads_what_is_written(tmp_path: Path, session: CorrectionSession) -> None:
    folder = write_training_case(
        tmp_path / "cases",
        "case-7",
        session.case,
        session.instances(),
        log=CorrectionLog.of(session),
        patient="P7",
    )
    assert sorted(path.name for path in folder.iterdir()) == [
        "arterial.nii.gz",
        "case.json",
        "labels.nii.gz",
        "portal.nii.gz",
    ]
    (source,) = find_cases("plain", tmp_path / "cases")
    assert (source.name, source.patient) == ("case-7", "P7")
    assert source.facts["lesions_accepted"] == "1"
    assert source.facts["lesions_rejected"] == "1"
    assert source.facts["arterial"] == "on the portal grid, as it was corrected on"
    loaded = read_case(source, arterial=True)
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "labels.nii.gz")))
    np.testing.assert_array_equal(labels, np.minimum(session.labels, 2))
    assert loaded.arterial is not None
    assert loaded.portal.GetSize() == session.case.portal.GetSize()


def test_without_an_arterial_phase(tmp_path: Path) -> None:
    case = made_case(BALLS, arterial=False)
    folder = write_training_case(tmp_path, "one", case, case.instances)
    assert not (folder / "arterial.nii.gz").exists()
    assert json.loads((folder / "case.json").read_text())["arterial"] == "none"


def test_nothing_is_left_of_what_could_not_be_written(tmp_path: Path, session: CorrectionSession) -> None:
    case: CorrectionCase = session.case
    with pytest.raises(
        InputError, match=r"a case is named by letters, digits, dot, dash and underscore, got 'a/b'"
    ):
        write_training_case(tmp_path / "cases", "a/b", case, case.instances)
    with pytest.raises(OutputError, match=r"does not exist: create it first"):
        write_training_case(tmp_path / "no" / "cases", "a", case, case.instances)
    asked = iter([False, False, True])
    with pytest.raises(Cancelled):
        write_training_case(
            tmp_path / "cases", "a", case, case.instances, progress=Progress(cancelled=lambda: next(asked))
        )
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_export_is_replaced_whole(tmp_path: Path) -> None:
    both, portal_only = made_case(BALLS), made_case(BALLS, arterial=False)
    folder = write_training_case(tmp_path, "one", both, both.instances)
    assert (folder / "arterial.nii.gz").exists()
    write_training_case(tmp_path, "one", portal_only, portal_only.instances)
    assert sorted(path.name for path in folder.iterdir()) == ["case.json", "labels.nii.gz", "portal.nii.gz"]
    assert [path.name for path in tmp_path.iterdir()] == ["one"]
