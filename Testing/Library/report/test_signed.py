"""A report is a draft until its case is signed; page, numbers and structured report say who signed it and when."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.cli import main
from LiverTumorAttentionLib.pipeline.jobs import ReviewJob
from LiverTumorAttentionLib.report import report_case
from Testing.Library.report.dicom_study import Study

highdicom = pytest.importorskip("highdicom", reason="DICOM SR needs highdicom")
READER = "Jane <b>Doe"


@pytest.fixture
def study(tmp_path: Path, series: Callable[..., list[Path]]) -> Study:
    return Study(tmp_path, series)


def refine(study: Study, output: str, *options: str) -> int:
    arguments = ["refine", "--portal", str(study.folder / "portal"), "--output", str(study.folder / output)]
    return main([*arguments, "--log", str(study.folder / "log.json"), *options, "--progress", "none"])


def sign(study: Study, *options: str) -> Path:
    """Accept one tumor, reject the other, and sign; return the signed segmentation."""
    prompts = study.folder / "prompts.json"
    prompts.write_text(json.dumps({"units": "mm", "accept": [{"lesion": 1}], "reject": [{"lesion": 2}]}))
    arguments = ("--segmentation", str(study.segmentation), "--prompts", str(prompts), "--sign", *options)
    assert refine(study, "signed.seg.nrrd", *arguments, "--reader", READER) == 0
    return study.folder / "signed.seg.nrrd"


def review(study: Study, segmentation: Path, **changes: Any) -> tuple[dict[str, Any], str]:
    page, numbers = study.folder / "page.html", study.folder / "numbers.json"
    report_case(
        ReviewJob(
            portal=str(study.folder / "portal"),
            segmentation=str(segmentation),
            output=str(page),
            json=str(numbers),
            **changes,
        )
    )
    return json.loads(numbers.read_text(encoding="utf-8")), page.read_text(encoding="utf-8")


def test_a_draft_says_so(study: Study) -> None:
    values, page = review(study, study.segmentation)
    assert values["sign_off"] is None
    assert page.count("DRAFT") == 4  # title, heading and both notices
    assert "not signed" in page


def test_a_signed_case_names_its_reader(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    signed = sign(study)
    assert "the case: signed by Jane <b>Doe on 20" in capsys.readouterr().out
    values, page = review(study, signed)
    assert values["sign_off"]["reader"] == READER
    assert values["sign_off"]["time"].startswith("20")
    assert "DRAFT" not in page
    assert "signed by <bdi>Jane &lt;b&gt;Doe</bdi>" in page
    assert values["case"]["tumor_count"] == 1


def test_a_segmentation_that_was_changed_since_is_a_draft(study: Study) -> None:
    sign(study)
    log = str(study.folder / "log.json")
    label_map = study.folder / "signed.nii.gz"
    labels = np.where(study.labels == 3, 1, study.labels)
    image = sitk.GetImageFromArray(labels)
    image.CopyInformation(study.portal_image)
    sitk.WriteImage(image, str(label_map))
    assert review(study, label_map, log=log)[0]["sign_off"]["reader"] == READER
    labels[tuple(np.argwhere(labels == 2)[0])] = 1
    image = sitk.GetImageFromArray(labels)
    image.CopyInformation(study.portal_image)
    sitk.WriteImage(image, str(label_map))
    assert review(study, label_map, log=log)[0]["sign_off"] is None


def test_the_structured_report_is_verified_by_the_reader(study: Study) -> None:
    signed = sign(study)
    _, report = study.write(segmentation=str(signed), rtstruct=str(study.folder / "rt.dcm"))
    assert (report.VerificationFlag, report.PreliminaryFlag) == ("VERIFIED", "FINAL")
    (observer,) = report.VerifyingObserverSequence
    assert observer.VerifyingObserverName == READER
    time = json.loads((study.folder / "log.json").read_text())["signing"][0]["time"]
    assert str(observer.VerificationDateTime)[:14] == time[:19].translate(str.maketrans("", "", "-T:"))
    people = [item.PersonName for item in report.ContentSequence if item.ValueType == "PNAME"]
    assert people == [READER]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--sign",), "give --reader with --sign or --reopen"),
        (("--reader", "Jane Doe"), "nothing is asked for"),
        (("--sign", "--reader", "Jane Doe"), "Tumor 1, Tumor 2 are drafts"),
        (("--reopen", "why", "--reader", "Jane Doe"), "the case is not signed"),
    ],
)
def test_what_cannot_be_signed(
    study: Study, options: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refine(study, "out.seg.nrrd", "--segmentation", str(study.segmentation), *options) == 2
    assert message in capsys.readouterr().err
    assert not (study.folder / "out.seg.nrrd").exists()


def test_a_signed_case_is_reopened_by_its_log(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    signed = sign(study)
    history = study.folder / "history.json"
    (study.folder / "log.json").rename(history)
    prompts = study.folder / "more.json"
    prompts.write_text(json.dumps({"units": "mm", "revise": [{"lesion": 1}]}))
    common = ("--segmentation", str(signed), "--history", str(history), "--prompts", str(prompts))
    assert refine(study, "again.seg.nrrd", *common) == 2
    assert "is locked: reopen it with a reason" in capsys.readouterr().err
    assert refine(study, "again.seg.nrrd", *common, "--reopen", "second look", "--reader", "John Roe") == 0
    assert "reopened by John Roe" in capsys.readouterr().out
    assert review(study, study.folder / "again.seg.nrrd")[0]["sign_off"] is None
