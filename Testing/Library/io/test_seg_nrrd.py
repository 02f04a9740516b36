"""`.seg.nrrd`: what Slicer sees of our files, and what we see of Slicer's."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io import (
    liver_segment,
    read_instances,
    read_label_map,
    tumor_segment,
    write_segmentation,
)
from LiverTumorAttentionLib.io.nrrd_header import read_nrrd_header
from LiverTumorAttentionLib.io.seg_nrrd import write_layers
from LiverTumorAttentionLib.voxels.geometry import same_grid
from Testing.patience import PATIENCE_S

needs_slicer = pytest.mark.skipif(
    importlib.util.find_spec("slicer") is None or importlib.util.find_spec("vtk") is None,
    reason="slicer-core is not installed",
)
LIVER_ENTRY = (
    "Segmentation category and type - 3D Slicer General Anatomy list"
    "~SCT^123037004^Anatomical Structure~SCT^10200004^Liver~^^~Anatomic codes - DICOM master list~^^~^^"
)
TUMOR_ENTRY = (
    "Segmentation category and type - 3D Slicer General Anatomy list"
    "~SCT^49755003^Morphologically Altered Structure~SCT^4147007^Mass~^^"
    "~Anatomic codes - DICOM master list~SCT^10200004^Liver~^^"
)


def voxels(image: sitk.Image) -> np.ndarray:
    return sitk.GetArrayFromImage(image)


@pytest.fixture(scope="module")
def in_slicer(same_instances, tmp_path_factory) -> Path:
    """A folder of segmentations that Slicer has loaded and saved again (one start of it for all)."""
    folder = tmp_path_factory.mktemp("slicer")
    write_segmentation(folder / "right.seg.nrrd", same_instances)
    write_segmentation(folder / "left.seg.nrrd", left_handed(same_instances))
    write_segmentation(folder / "empty.seg.nrrd", same_instances * 0)
    command = [sys.executable, str(Path(__file__).with_name("slicer_load.py")), str(folder)]
    environment = {**os.environ, "HOME": str(folder)}
    run = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE_S, env=environment, check=False
    )
    assert run.returncode == 0, run.stderr
    return folder


def left_handed(image: sitk.Image) -> sitk.Image:
    return sitk.Flip(image, [True, False, False], False)


def places(mask: np.ndarray, matrix: np.ndarray, start: np.ndarray) -> np.ndarray:
    """World positions of the set voxels of a (z, y, x) mask, sorted; matrix: index to world."""
    index = np.argwhere(mask)[:, ::-1] + start
    points = index @ matrix[:3, :3].T + matrix[:3, 3]
    return points[np.lexsort(np.round(points, 3).T)]


def ras_matrix(image: sitk.Image) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = np.asarray(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    matrix[:3, 3] = image.GetOrigin()
    return np.diag([-1, -1, 1, 1]) @ matrix


@needs_slicer
@pytest.mark.parametrize("hand", ["right", "left"])
def test_slicer_sees_names_colours_codes_and_every_voxel(same_instances, in_slicer, hand):
    image = left_handed(same_instances) if hand == "left" else same_instances
    assert np.linalg.det(ras_matrix(image)) * (1 if hand == "right" else -1) > 0
    seen = np.load(in_slicer / f"{hand}.npz")
    truth = voxels(image)
    expected = [
        ("Liver", LIVER_ENTRY, liver_segment().color, truth > 0),
        ("Tumor 1", TUMOR_ENTRY, tumor_segment(2).color, truth == 2),
        ("Tumor 2", TUMOR_ENTRY, tumor_segment(3).color, truth == 3),
    ]
    assert seen["count"] == 3
    for index, (name, entry, color, mask) in enumerate(expected):
        assert str(seen[f"name_{index}"]) == name
        assert str(seen[f"terminology_{index}"]) == entry
        assert seen[f"color_{index}"] == pytest.approx(color, abs=1e-6)
        ours = places(mask, ras_matrix(image), np.zeros(3))
        theirs = places(seen[f"mask_{index}"], seen[f"matrix_{index}"], seen[f"start_{index}"])
        assert ours.shape == theirs.shape
        assert np.allclose(ours, theirs, atol=1e-3)


@needs_slicer
def test_slicer_ties_the_segmentation_to_the_grid_of_the_volume(same_instances, in_slicer):
    reference = str(np.load(in_slicer / "right.npz")["reference"])
    numbers = [float(text) for text in reference.split(";") if text]
    assert np.reshape(numbers[:16], (4, 4)) == pytest.approx(ras_matrix(same_instances), abs=1e-6)
    assert numbers[16:] == [0, 31, 0, 23, 0, 8]


@needs_slicer
@pytest.mark.parametrize("hand", ["right", "left"])
def test_what_slicer_saves_cropped_comes_back_on_the_whole_grid(same_instances, in_slicer, hand):
    image = left_handed(same_instances) if hand == "left" else same_instances
    sizes = read_nrrd_header(in_slicer / f"{hand}.copy.seg.nrrd").fields["sizes"].split()
    assert sizes[-3:] == ["13", "10", "6"], "Slicer crops to what is segmented"
    again = read_instances(in_slicer / f"{hand}.copy.seg.nrrd")
    assert same_grid(again, image)
    assert np.array_equal(voxels(again), voxels(image))


@needs_slicer
def test_slicer_opens_an_empty_result(in_slicer):
    seen = np.load(in_slicer / "empty.npz")
    assert str(seen["name_0"]) == "Liver"
    assert not seen["mask_0"].any()


def test_round_trip(instances, tmp_path):
    write_segmentation(tmp_path / "a.seg.nrrd", instances)
    again = read_instances(tmp_path / "a.seg.nrrd")
    assert again.GetPixelID() == sitk.sitkUInt16
    assert same_grid(again, instances)
    assert np.array_equal(voxels(again), voxels(instances))
    labels = read_label_map(tmp_path / "a.seg.nrrd")
    assert np.array_equal(voxels(labels), np.minimum(voxels(instances), 2))


def test_header(instances, tmp_path):
    write_segmentation(tmp_path / "a.seg.nrrd", instances)
    header = read_nrrd_header(tmp_path / "a.seg.nrrd")
    assert header.fields["sizes"] == "2 32 24 9"
    assert header.fields["kinds"] == "list domain domain domain"
    assert header.fields["space"] == "left-posterior-superior"
    assert header.pairs["Segment0_Extent"] == "9 21 7 16 2 7"
    assert header.pairs["Segment2_Extent"] == "18 19 13 14 6 6"
    assert [header.pairs[f"Segment{n}_Layer"] for n in range(3)] == ["0", "1", "1"]
    assert [header.pairs[f"Segment{n}_LabelValue"] for n in range(3)] == ["1", "1", "2"]


def test_same_result_same_bytes(instances, tmp_path):
    write_segmentation(tmp_path / "a.seg.nrrd", instances)
    write_segmentation(tmp_path / "b.seg.nrrd", instances)
    assert (tmp_path / "a.seg.nrrd").read_bytes() == (tmp_path / "b.seg.nrrd").read_bytes()


@pytest.mark.parametrize("kept", ["liver alone", "nothing"])
def test_results_without_tumors(instances, tmp_path, kept):
    emptied = sitk.Cast(instances > 0, sitk.sitkUInt16) * (kept == "liver alone")
    write_segmentation(tmp_path / "a.seg.nrrd", emptied)
    again = read_instances(tmp_path / "a.seg.nrrd")
    assert np.array_equal(voxels(again), voxels(emptied))
    assert read_nrrd_header(tmp_path / "a.seg.nrrd").fields["dimension"] == "3"


def test_more_than_255_tumors(instances, tmp_path):
    many = voxels(instances)
    many[:] = np.arange(many.size).reshape(many.shape) % 400
    image = sitk.GetImageFromArray(many)
    image.CopyInformation(instances)
    write_segmentation(tmp_path / "a.seg.nrrd", image)
    assert np.array_equal(voxels(read_instances(tmp_path / "a.seg.nrrd")), many)


def foreign(
    path: Path, segments: list[tuple[str, str, int, int]], layers: np.ndarray, grid: sitk.Image
) -> None:
    """Write a segmentation as others name theirs: (name, type code, layer, value) for each segment."""
    pairs = {}
    for index, (name, code, layer, value) in enumerate(segments):
        entry = f"TerminologyEntry:list~SCT^1^x~SCT^{code}^y~^^~a~^^~^^|" if code else ""
        fields = {"ID": f"Segment_{index}", "Name": name, "Layer": layer, "LabelValue": value, "Tags": entry}
        pairs |= {f"Segment{index}_{key}": str(text) for key, text in fields.items()}
    write_layers(path, layers, grid, pairs)


@pytest.mark.parametrize("suffix", [".seg.nrrd", ".nrrd"])
def test_segments_of_others_are_told_by_code_then_by_name(instances, tmp_path, suffix):
    truth = voxels(instances)
    layers = np.zeros((1, *truth.shape), np.uint8)
    layers[0] = np.where(truth == 1, 7, np.where(truth == 2, 9, np.where(truth == 3, 4, 0)))
    layers[0][:, 0, :] = 5
    segments = [
        ("Leber", "", 0, 7),
        ("Rippe", "113197003", 0, 5),
        ("Segment_3", "4147007", 0, 9),
        ("Liver lesion", "", 0, 4),
    ]
    foreign(tmp_path / f"a{suffix}", segments, layers, instances)
    assert np.array_equal(voxels(read_instances(tmp_path / f"a{suffix}")), truth)


def test_tumors_lie_over_the_liver_in_whatever_order(instances, tmp_path):
    truth = voxels(instances)
    layers = np.stack([(truth > 1) * 1, (truth > 0) * 1]).astype(np.uint8)
    foreign(tmp_path / "a.seg.nrrd", [("metastasis", "", 0, 1), ("liver", "", 1, 1)], layers, instances)
    assert np.array_equal(voxels(read_label_map(tmp_path / "a.seg.nrrd")), np.minimum(truth, 2))


def test_nothing_to_recognise(instances, tmp_path):
    layers = voxels(instances)[np.newaxis].astype(np.uint8)
    foreign(tmp_path / "a.seg.nrrd", [("Spleen", "", 0, 1), ("Rib", "", 0, 2)], layers, instances)
    with pytest.raises(InputError, match="no segment named or coded as liver or tumor, only 'Spleen', 'Rib'"):
        read_label_map(tmp_path / "a.seg.nrrd")


def test_missing_layer(instances, tmp_path):
    layers = voxels(instances)[np.newaxis].astype(np.uint8)
    foreign(tmp_path / "a.seg.nrrd", [("Liver", "", 3, 1)], layers, instances)
    with pytest.raises(InputError, match="misses layer 3 of 'Liver'"):
        read_label_map(tmp_path / "a.seg.nrrd")


def test_truncated(instances, tmp_path, capfd):
    write_segmentation(tmp_path / "a.seg.nrrd", instances)
    raw = (tmp_path / "a.seg.nrrd").read_bytes()
    (tmp_path / "a.seg.nrrd").write_bytes(raw[: len(raw) - 60])
    with pytest.raises(InputError, match="is cut short") as caught:
        read_label_map(tmp_path / "a.seg.nrrd")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_writing_takes_no_copy_of_the_volume(tmp_path):
    """Layers are made slice by slice: of 2 million voxels, less than a byte each is allocated."""
    labels = np.zeros((80, 160, 160), np.uint8)
    labels[20:60, 40:120, 40:120] = 1
    labels[30:40, 60:80, 60:80] = 2
    image = sitk.GetImageFromArray(labels)
    tracemalloc.start()
    try:
        write_segmentation(tmp_path / "a.seg.nrrd", image)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < labels.size
    np.testing.assert_array_equal(voxels(read_instances(tmp_path / "a.seg.nrrd")), labels)
