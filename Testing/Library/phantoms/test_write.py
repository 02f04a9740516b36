"""Files of a phantom: what is read back is what was made, and nothing is left half written."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import Cancelled, OutputError
from LiverTumorAttentionLib.phantoms import Phantom, write_phantom
from LiverTumorAttentionLib.progress import Progress, ProgressEvent

NAMES = ["arterial.nii.gz", "displacement.nii.gz", "labels.nii.gz", "lesions.json", "portal.nii.gz"]


@pytest.fixture(scope="module", name="case")
def case_fixture(tiny: tuple[Phantom, list[ProgressEvent]]) -> Phantom:
    return tiny[0]


def test_files_read_back_as_they_were(case: Phantom, tmp_path: Path) -> None:
    write_phantom(case, tmp_path / "case")
    assert sorted(p.name for p in (tmp_path / "case").iterdir()) == NAMES
    for name in ("portal", "arterial", "labels", "displacement"):
        image, read = getattr(case, name), sitk.ReadImage(str(tmp_path / "case" / f"{name}.nii.gz"))
        assert read.GetPixelID() == image.GetPixelID()
        assert np.array_equal(sitk.GetArrayViewFromImage(read), sitk.GetArrayViewFromImage(image)), name
        np.testing.assert_allclose(read.GetOrigin(), image.GetOrigin(), atol=1e-3)
        np.testing.assert_allclose(read.GetSpacing(), image.GetSpacing(), atol=1e-5)
        np.testing.assert_allclose(read.GetDirection(), image.GetDirection(), atol=1e-6)


def test_displacement_is_a_nifti_vector_image(case: Phantom, tmp_path: Path) -> None:
    write_phantom(case, tmp_path)
    with gzip.open(tmp_path / "displacement.nii.gz") as file:
        header = file.read(352)
    dimensions = np.frombuffer(header, "<i2", 8, 40)
    assert list(dimensions[:6]) == [5, *case.portal.GetSize(), 1, 3]
    assert np.frombuffer(header, "<i2", 1, 68)[0] in (1006, 1007)  # displacement or plain vector


def test_lesions_json_is_the_truth(case: Phantom, tmp_path: Path) -> None:
    write_phantom(case, tmp_path)
    record = json.loads((tmp_path / "lesions.json").read_text())
    assert record["seed"] == 31
    assert [x["kind"] for x in record["lesions"]] == [x.kind for x in case.lesions]
    assert record["lesions"][0]["center_lps_mm"] == list(case.lesions[0].center_lps_mm)
    assert record["settings"]["protocol"]["thickness_mm"] == 8.0


def test_an_interruption_leaves_nothing(case: Phantom, tmp_path: Path) -> None:
    target = tmp_path / "case"
    seen: list[ProgressEvent] = []

    def stop() -> bool:
        return len(seen) >= 3

    with pytest.raises(Cancelled, match="cancelled; nothing was written"):
        write_phantom(case, target, Progress(seen.append, stop))
    assert not target.exists()


def test_an_interruption_keeps_an_older_case(case: Phantom, tmp_path: Path) -> None:
    (tmp_path / "portal.nii.gz").write_bytes(b"older")
    with pytest.raises(Cancelled, match="cancelled; nothing was written"):
        write_phantom(case, tmp_path, Progress(cancelled=lambda: True))
    assert [p.name for p in tmp_path.iterdir()] == ["portal.nii.gz"]
    assert (tmp_path / "portal.nii.gz").read_bytes() == b"older"


def test_a_folder_that_cannot_be_made_is_an_error(case: Phantom, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(
        OutputError, match=r"file.* is a file, so the phantom cannot be put in it: name a folder"
    ):
        write_phantom(case, tmp_path / "file" / "case")
    assert not (tmp_path / "new").exists()
    write_phantom(case, tmp_path / "new" / "deep" / "case")
    assert (tmp_path / "new" / "deep" / "case" / "portal.nii.gz").is_file(), "the folders above are made too"
