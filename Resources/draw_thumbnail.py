"""Draws the sample case's thumbnail: one slice in both phases, the tumor that the arterial phase shows outlined.

`python Resources/draw_thumbnail.py` generates the case and writes LiverTumorAttention/Resources/Icons/SampleCase.png.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "LiverTumorAttention")]

import numpy as np  # noqa: E402
import SimpleITK as sitk  # noqa: E402
from PIL import Image  # noqa: E402

from LiverTumorAttentionGui.sample.sample_case import SampleCase  # noqa: E402
from LiverTumorAttentionLib.phantoms import Phantom, generate_phantom  # noqa: E402
from LiverTumorAttentionLib.pictures.drawing import draw_outline, resized  # noqa: E402

TARGET = ROOT / "LiverTumorAttention" / "Resources" / "Icons" / "SampleCase.png"
WIDTH, HEIGHT = 260, 280
WINDOW_HU = (-60.0, 240.0)
FIELD_MM = (144.0, 270.0)
"""Height and width of what each half shows."""
OUTLINE = (242, 177, 52)
OVERSAMPLING = 3
"""Drawn so much larger and scaled down, for smooth lines."""


def draw(phantom: Phantom) -> Image.Image:
    """Return the thumbnail: portal venous above, arterial below."""
    shown = next(lesion for lesion in phantom.lesions if lesion.kind == "FNH")
    tumor = phantom.instances == shown.instance
    k = phantom.portal.TransformPhysicalPointToIndex(shown.center_lps_mm)[2]
    window = _window(phantom, k)
    field = sitk.DisplacementFieldTransform(sitk.Cast(phantom.displacement, sitk.sitkVectorFloat64))
    arterial = sitk.Resample(phantom.arterial, phantom.portal, field, sitk.sitkLinear, -1024.0)
    thumbnail = Image.new("RGB", (WIDTH, HEIGHT))
    size = (WIDTH, HEIGHT // 2 - 1)
    low, high = WINDOW_HU
    for row, volume in enumerate((phantom.portal, arterial)):
        hu = sitk.GetArrayViewFromImage(volume)[k][window]
        values = resized(hu, (OVERSAMPLING * size[1], OVERSAMPLING * size[0]))
        gray = np.clip((values - low) / (high - low) * 255, 0, 255).astype(np.uint8)
        half = Image.fromarray(gray).convert("RGB")
        draw_outline(half, sitk.GetArrayViewFromImage(tumor)[k][window] > 0, OUTLINE, width=2 * OVERSAMPLING)
        thumbnail.paste(half.resize(size, Image.Resampling.LANCZOS), (0, row * HEIGHT // 2))
    return thumbnail


def _window(phantom: Phantom, k: int) -> tuple[slice, slice]:
    """Return the rows and columns of slice k that are shown, the liver in their middle."""
    labels = sitk.GetArrayViewFromImage(phantom.labels)[k]
    spacing_yx_mm = phantom.portal.GetSpacing()[1::-1]
    parts = []
    for place, size, length_mm, step_mm in zip(
        np.nonzero(labels), labels.shape, FIELD_MM, spacing_yx_mm, strict=True
    ):
        length = round(length_mm / step_mm)
        start = min(max(0, int(place.min() + place.max() - length) // 2), size - length)
        parts.append(slice(start, start + length))
    return parts[0], parts[1]


if __name__ == "__main__":
    case = SampleCase()
    generated = generate_phantom(
        case.seed, size=case.size, lesions=case.lesions, slices=case.slices, thickness_mm=case.thickness_mm
    )
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    draw(generated).save(TARGET)
