"""A phantom as a CT: the same from the same seed, HU as its table says, geometry as asked, honest slices."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from LiverTumorAttentionLib.errors import Cancelled, InputError
from LiverTumorAttentionLib.phantoms import STRUCTURES, Phantom, generate_phantom
from LiverTumorAttentionLib.phantoms.enhancement import (
    LESION_KINDS,
    LESION_SOURCES,
    TISSUES,
    draw_enhancement,
)
from LiverTumorAttentionLib.progress import Progress, ProgressEvent


def test_same_seed_same_voxels_other_seed_other_patient(
    tiny: tuple[Phantom, list[ProgressEvent]], small: Phantom
) -> None:
    first, again = tiny[0], generate_phantom(31, lesions=2, matrix=64, thickness_mm=8.0)
    for name in ("portal", "arterial", "instances", "structures", "displacement"):
        a, b = (sitk.GetArrayViewFromImage(getattr(p, name)) for p in (first, again))
        assert np.array_equal(a, b), name
    assert first.lesions == again.lesions
    assert first.settings == again.settings
    assert first.settings["habitus"] != small.settings["habitus"]


@pytest.mark.parametrize(
    ("structure", "tissue", "tolerance"),
    [
        ("liver", "liver", 4),
        ("spleen", "spleen", 6),
        ("aorta", "aorta", 6),
        ("muscle", "muscle", 12),  # marbled and layered with fat
        ("erector_spinae", "muscle", 14),
        ("subcutaneous_fat", "subcutaneous_fat", 8),
        ("lung", "lung", 40),
        ("portal_vein", "portal_vein", 12),
        ("psoas", "muscle", 12),
        ("gallbladder", "bile", 8),
    ],
)
@pytest.mark.parametrize("phase", ["portal", "arterial"])
def test_structures_measure_what_was_drawn(
    five_lesions: Phantom, phase: str, structure: str, tissue: str, tolerance: float
) -> None:
    maps = {"portal": five_lesions.structures, "arterial": five_lesions.arterial_structures}
    inside = sitk.GetArrayFromImage(maps[phase]) == STRUCTURES[structure]
    inside = ndimage.binary_erosion(inside, iterations=1 if structure == "portal_vein" else 2)
    assert inside.sum() > 10
    mean = sitk.GetArrayFromImage(getattr(five_lesions, phase))[inside].mean()
    assert mean == pytest.approx(five_lesions.settings["enhancement_hu"][phase][tissue], abs=tolerance)


def test_drawn_values_lie_in_the_ranges_of_the_table_and_every_row_has_a_source() -> None:
    rng = np.random.default_rng(0)
    for _ in range(40):
        drawn = draw_enhancement(rng, fatty=False)
        for name, row in TISSUES.items():
            assert row.arterial_hu[0] <= drawn["arterial"][name] <= row.arterial_hu[1], name
            assert row.portal_hu[0] <= drawn["portal"][name] <= row.portal_hu[1], name
        assert drawn["portal"]["liver"] > drawn["arterial"]["liver"]
    assert all("[" in row.source or "chosen" in row.source for row in TISSUES.values())
    assert set(LESION_SOURCES) == set(LESION_KINDS)


def test_the_veins_of_the_liver_change_between_the_phases(five_lesions: Phantom) -> None:
    hu = five_lesions.settings["enhancement_hu"]
    assert hu["arterial"]["hepatic_vein"] < hu["arterial"]["liver"] < hu["arterial"]["aorta"]
    assert hu["portal"]["hepatic_vein"] > hu["portal"]["liver"]
    for name in ("portal_vein", "hepatic_vein"):
        assert (sitk.GetArrayViewFromImage(five_lesions.structures) == STRUCTURES[name]).sum() > 300


def test_layout_is_that_of_an_adult_on_his_back(small: Phantom) -> None:
    structures = sitk.GetArrayFromImage(small.structures)

    def center(name: str) -> np.ndarray:
        where = ndimage.center_of_mass(structures == STRUCTURES[name])
        return np.array(small.portal.TransformContinuousIndexToPhysicalPoint([float(w) for w in where[::-1]]))

    spine, liver, spleen = center("spinal_canal"), center("liver"), center("spleen")
    cava = center("inferior_vena_cava")
    assert liver[0] < spine[0] - 20  # LPS: x grows to the left
    assert spleen[0] > spine[0] + 50
    assert center("aorta")[1] < spine[1]
    assert center("aorta")[0] > cava[0]
    assert center("heart")[2] > liver[2]
    assert center("lung")[2] > liver[2] > center("psoas")[2]
    voxel_ml = np.prod(small.labels.GetSpacing()) / 1000
    labels = sitk.GetArrayFromImage(small.labels)
    assert 850 < labels.astype(bool).sum() * voxel_ml < 2250
    assert not labels[[0, -1]].any()  # the whole organ is in the volume
    _, count = ndimage.label(labels > 0)
    sizes = ndimage.sum_labels(labels > 0, ndimage.label(labels > 0)[0], range(1, count + 1))
    assert max(sizes) > 0.99 * sum(sizes)
    # The left lobe crosses the midline.
    columns = np.flatnonzero((labels > 0).any(axis=(0, 1)))
    left = small.labels.TransformIndexToPhysicalPoint((int(columns[-1]), 0, 0))[0]
    assert left > spine[0] + 8


def test_sizes_types_and_geometry(small: Phantom) -> None:
    assert small.portal.GetSize()[:2] == (160, 160)
    assert 34 <= small.portal.GetSize()[2] <= 48
    for image in (small.portal, small.arterial):
        assert image.GetPixelID() == sitk.sitkInt16
    for image in (small.labels, small.instances, small.structures):
        assert image.GetPixelID() == sitk.sitkUInt8
        assert image.GetOrigin() == small.portal.GetOrigin()
        assert image.GetSpacing() == small.portal.GetSpacing()
    assert small.displacement.GetSize() == small.portal.GetSize()


def test_matrix_spacing_thickness_and_slices_are_obeyed() -> None:
    phantom = generate_phantom(
        2,
        lesions=1,
        matrix=72,
        spacing_mm=5.0,
        thickness_mm=4.0,
        slices=21,
        arterial_offset_mm=-6.0,
        arterial_slices=25,
    )
    assert phantom.portal.GetSize() == (72, 72, 21)
    assert phantom.portal.GetSpacing() == pytest.approx((5.0, 5.0, 4.0))
    assert phantom.arterial.GetSize() == (72, 72, 25)
    assert phantom.arterial.GetOrigin()[2] - phantom.portal.GetOrigin()[2] == pytest.approx(-6.0)
    labels = sitk.GetArrayFromImage(phantom.labels)
    assert (labels[10] > 0).any()
    assert len(phantom.lesions) == 1


def test_full_size_is_a_clinical_matrix() -> None:
    phantom = generate_phantom(4, size="full", slices=3, thickness_mm=5.0, lesions=0)
    assert phantom.portal.GetSize() == (512, 512, 3)
    assert 0.5 <= phantom.portal.GetSpacing()[0] <= 0.9


def test_a_thick_slice_is_the_mean_of_thin_ones() -> None:
    """Three slices of 2 mm fill the place of one of 6 mm; only noise and rounding tell them apart."""
    common = {"lesions": 0, "matrix": 96, "spacing_mm": 4.0, "max_displacement_mm": 0.0}
    thick = generate_phantom(9, slices=3, thickness_mm=6.0, **common)
    thin = generate_phantom(9, slices=9, thickness_mm=2.0, **common)
    averaged = sitk.GetArrayFromImage(thin.portal).reshape(3, 3, 96, 96).mean(axis=1)
    single = sitk.GetArrayFromImage(thin.portal)[1::3]
    got = sitk.GetArrayFromImage(thick.portal)
    noise = thick.settings["protocol"]["noise_hu"]["portal"] + thin.settings["protocol"]["noise_hu"]["portal"]
    edges = np.abs(averaged - single) > 60  # where anatomy changes along z
    assert edges.sum() > 50
    assert np.abs(got - averaged)[edges].mean() < 2 * noise
    assert np.abs(got - averaged)[edges].mean() < 0.4 * np.abs(got - single)[edges].mean()
    # Nothing moved, for nothing was to move.
    assert not sitk.GetArrayViewFromImage(thin.displacement).any()
    still, later = (sitk.GetArrayViewFromImage(i) for i in (thin.structures, thin.arterial_structures))
    assert (still == later).mean() > 0.99


def test_noise_is_that_of_the_protocol_and_differs_between_phases(five_lesions: Phantom) -> None:
    """Neighboring voxels of the resting spleen are compared, so that its own slow texture does not count."""
    deviations = {}
    for phase in ("portal", "arterial"):
        maps = five_lesions.structures if phase == "portal" else five_lesions.arterial_structures
        spleen = ndimage.minimum_filter(sitk.GetArrayFromImage(maps) == STRUCTURES["spleen"], 7)
        hu = sitk.GetArrayFromImage(getattr(five_lesions, phase)).astype(float)
        deviations[phase] = (hu - ndimage.uniform_filter(hu, 5))[spleen].std()
        drawn = five_lesions.settings["protocol"]["noise_hu"][phase]
        assert 0.45 * drawn < deviations[phase] < 1.5 * drawn + 3
    portal, arterial = (
        sitk.GetArrayFromImage(i).astype(float) for i in (five_lesions.portal, five_lesions.arterial)
    )
    corner = np.s_[:, :12, :12]  # air, where nothing but noise is
    assert portal[corner].std() > 1
    assert abs(np.corrcoef(portal[corner].ravel(), arterial[corner].ravel())[0, 1]) < 0.05


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "seed of a phantom must be a whole number, 0 or more, not -1"),
        ({"seed": 0, "size": "huge"}, "unknown phantom size 'huge'; choose full or small"),
        ({"seed": 0, "lesions": 9}, "0 to 8 lesions, not 9"),
        ({"seed": 0, "lesions": -1}, "0 to 8 lesions, not -1"),
        ({"seed": 0, "lesion_kinds": ["wart"]}, "unknown lesion type 'wart'; choose among cyst, FNH"),
        ({"seed": 0, "lesions": 2, "lesion_diameters_mm": [10]}, "1 lesion diameters were given for 2"),
        ({"seed": 0, "lesions": 1, "lesion_diameters_mm": [90]}, "5 to 80 mm, not 90 mm"),
        ({"seed": 0, "matrix": 4}, "matrix must be 32 to 1024, not 4"),
        ({"seed": 0, "spacing_mm": float("nan")}, "in-plane spacing in mm must be"),
        ({"seed": 0, "thickness_mm": 0.0}, "slice thickness in mm must be"),
        ({"seed": 0, "slices": 0}, "number of slices must be"),
        ({"seed": 0, "max_displacement_mm": 30.0}, "greatest displacement in mm must be 0 to 25, not 30"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(arguments: dict, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        generate_phantom(**arguments)
    assert "\n" not in str(caught.value)


def test_lesions_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="no room in this liver for 8 lesions, one of 80 mm"):
        generate_phantom(1, lesions=8, lesion_diameters_mm=[80] * 8, matrix=48, thickness_mm=10.0)


def test_progress_rises(tiny: tuple[Phantom, list[ProgressEvent]]) -> None:
    fractions = [e.fraction for e in tiny[1]]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert len(fractions) > 10


def test_a_cancelled_generation_stops() -> None:
    with pytest.raises(Cancelled, match="cancelled; nothing was written"):
        generate_phantom(1, matrix=48, progress=Progress(cancelled=lambda: True))
