"""Native readers are called where a header's check comes before them, and nowhere else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
GUARDED = {
    "LiverTumorAttentionLib/io/dicom_seg.py",
    "LiverTumorAttentionLib/io/dicom_slices.py",
    "LiverTumorAttentionLib/io/itk_reader.py",
    "LiverTumorAttentionLib/registration/transform_file.py",
}
"""Files that check what they read before a native reader does; others call them."""
OWN_FILES = {"LiverTumorAttention/LiverTumorAttentionGui/sample/sample_run.py"}
"""Files that read what they have just written themselves."""
READERS = re.compile(
    r"\b(ReadImage|ReadTransform|ImageFileReader|ImageSeriesReader|dcmread|segread|imread|nibabel|h5py)\b"
)


@pytest.mark.parametrize("folder", ["LiverTumorAttentionLib", "LiverTumorAttention", "training"])
def test_no_other_file_calls_a_native_reader(folder: str) -> None:
    callers = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / folder).rglob("*.py")
        if READERS.search(path.read_text(encoding="utf-8"))
    }
    assert callers - GUARDED - OWN_FILES == set()
