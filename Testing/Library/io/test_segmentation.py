"""Label maps, volumes, segments: written by suffix, read back, and nothing left after a failure."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError, OutputError
from LiverTumorAttentionLib.io import (
    read_instances,
    read_label_map,
    read_volume,
    segments_for,
    tumor_segment,
    write_image,
    write_segmentation,
)
from LiverTumorAttentionLib.voxels.geometry import same_grid
from Testing.patience import PATIENCE_S


def voxels(image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(image)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".nrrd", ".mha"])
def test_label_map_is_semantic(instances, tmp_path, suffix):
    path = tmp_path / f"labels{suffix}"
    write_segmentation(path, instances)
    assert os.listdir(tmp_path) == [f"labels{suffix}"]
    stored = sitk.ReadImage(str(path))
    assert stored.GetPixelID() == sitk.sitkUInt8
    assert same_grid(stored, instances)
    expected = voxels(instances)
    expected[expected == 3] = 2
    assert np.array_equal(voxels(stored), expected)
    assert np.array_equal(voxels(read_label_map(path)), expected)


def test_instances_of_a_label_map_are_its_values(instances, tmp_path):
    sitk.WriteImage(sitk.Cast(instances, sitk.sitkFloat64), str(tmp_path / "a.nii.gz"))
    again = read_instances(tmp_path / "a.nii.gz")
    assert again.GetPixelID() == sitk.sitkUInt16
    assert np.array_equal(voxels(again), voxels(instances))


def test_a_ct_is_no_label_map(ct, tmp_path):
    sitk.WriteImage(ct, str(tmp_path / "a.nii.gz"))
    with pytest.raises(InputError, match=r"is not a label map \(values -1000 to 119\)"):
        read_label_map(tmp_path / "a.nii.gz")


def test_fractions_are_no_labels(ct, tmp_path):
    sitk.WriteImage(sitk.Cast(ct > 0, sitk.sitkFloat32) * 0.5, str(tmp_path / "a.nii.gz"))
    with pytest.raises(InputError, match="whole numbers"):
        read_label_map(tmp_path / "a.nii.gz")


def test_missing_segmentation_and_folder(tmp_path):
    with pytest.raises(InputError, match=r"the segmentation '.*a\.seg\.nrrd' does not exist"):
        read_label_map(tmp_path / "a.seg.nrrd")
    with pytest.raises(InputError, match="is a folder: name the file itself"):
        read_label_map(tmp_path)


@pytest.mark.parametrize("name", ["a.png", "a", "a.mhd", "a.csv"])
def test_unknown_suffix(instances, tmp_path, name):
    with pytest.raises(OutputError, match=r"give it a name that ends in \.seg\.nrrd or \.nii\.gz"):
        write_segmentation(tmp_path / name, instances)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["a.seg.nrrd", "a.nii.gz", "a.dcm"])
def test_folder_that_does_not_exist(instances, tmp_path, name):
    with pytest.raises(OutputError, match="does not exist: create it first"):
        write_segmentation(tmp_path / "no" / name, instances)


@pytest.mark.parametrize("name", ["a.seg.nrrd", "a.nii.gz"])
def test_failure_leaves_nothing(instances, tmp_path, name):
    (tmp_path / name).write_text("what stood here before")
    with pytest.raises((ValueError, AttributeError)):
        write_segmentation(tmp_path / name, "not an image")
    with pytest.raises(ValueError, match="whole values"):
        write_segmentation(tmp_path / "b.seg.nrrd", sitk.Cast(instances, sitk.sitkFloat32))
    assert os.listdir(tmp_path) == [name]
    assert (tmp_path / name).read_text() == "what stood here before"


def test_write_image(ct, tmp_path):
    write_image(tmp_path / "ct.nii.gz", ct)
    assert np.array_equal(voxels(read_volume(tmp_path / "ct.nii.gz")), voxels(ct))
    field = sitk.Compose([sitk.Cast(ct, sitk.sitkFloat32)] * 3)
    write_image(tmp_path / "field.nii.gz", field)
    again = sitk.ReadImage(str(tmp_path / "field.nii.gz"))
    assert again.GetNumberOfComponentsPerPixel() == 3
    assert np.array_equal(voxels(again), voxels(field))
    write_image(tmp_path / "ct.nrrd", ct)
    assert (tmp_path / "ct.nrrd").stat().st_size < ct.GetNumberOfPixels(), "volumes are written compressed"
    assert sorted(os.listdir(tmp_path)) == ["ct.nii.gz", "ct.nrrd", "field.nii.gz"]


FULL_DISK = """
import resource, signal, sys
import numpy as np, SimpleITK as sitk
from LiverTumorAttentionLib.io import write_image, write_segmentation
from LiverTumorAttentionLib.errors import OutputError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
noise = np.random.default_rng(0).integers(0, 500, (20, 50, 50)).astype(np.uint16)
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
for path in sys.argv[1:]:
    write = write_segmentation if path.endswith(".seg.nrrd") else write_image
    try:
        write(path, sitk.GetImageFromArray(noise))
    except OutputError as error:
        print(error)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="file sizes are limited by Unix only")
def test_a_full_disk_leaves_nothing_and_says_so(tmp_path):
    """Writing stops at 20 kB: ITK reports it for some formats and keeps silent for others."""
    paths = [str(tmp_path / name) for name in ("a.nii.gz", "a.nii", "a.nrrd", "a.mha", "a.seg.nrrd")]
    command = [sys.executable, "-c", FULL_DISK, *paths]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE_S)
    lines = run.stdout.splitlines()
    assert len(lines) == len(paths)
    for path, line in zip(paths, lines, strict=True):
        assert re.fullmatch(
            rf"the (volume|segmentation) '{re.escape(path)}' cannot be written \(.+\): .*", line
        )
    assert os.listdir(tmp_path) == []


def test_segments(instances):
    gap = sitk.Mask(instances, instances == 2, maskingValue=1, outsideValue=0)
    assert [(s.value, s.name) for s in segments_for(instances)] == [
        (1, "Liver"),
        (2, "Tumor 1"),
        (3, "Tumor 2"),
    ]
    assert [(s.value, s.name) for s in segments_for(gap)] == [(1, "Liver"), (3, "Tumor 2")]
    liver, tumor, other = segments_for(instances)
    assert str(liver.type) == "SCT^10200004^Liver"
    assert str(tumor.type) == "SCT^4147007^Mass"
    assert len({liver.color, tumor.color, other.color}) == 3
    assert all(0 <= channel <= 1 for segment in (liver, tumor, other) for channel in segment.color)
    with pytest.raises(ValueError, match="from 2, got 1"):
        tumor_segment(1)
