"""The inverse leads back where the transform came from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from LiverTumorAttentionLib.registration import inverted, write_transform
from LiverTumorAttentionLib.registration.bspline_grid import BSplineGrid

OBLIQUE = sitk.Euler3DTransform((0, 0, 0), 0.2, -0.1, 0.3).GetMatrix()


def volume() -> sitk.Image:
    image = sitk.Image((60, 50, 30), sitk.sitkInt16)
    image.SetSpacing((3.0, 3.0, 5.0))
    image.SetOrigin((-80.0, 40.0, 10.0))
    image.SetDirection(OBLIQUE)
    return image


def both_parts() -> sitk.CompositeTransform:
    """A turn by 9 degrees with a shift of 60 mm, after a smooth deformation of up to about 10 mm."""
    image = volume()
    lattice = BSplineGrid.over(image, 40.0)
    coefficients = np.random.default_rng(0).normal(0, 6, lattice.zeros().shape)
    wider, padded = lattice.zero_padded(coefficients)
    spline = wider.as_transform(padded)
    rigid = sitk.Euler3DTransform((5.0, -3.0, 40.0), 0.1, -0.05, 0.16, (10.0, -20.0, 60.0))
    return sitk.CompositeTransform([rigid, spline])


def points() -> list[tuple[float, ...]]:
    rng = np.random.default_rng(1)
    size = np.array(volume().GetSize())
    return [
        volume().TransformContinuousIndexToPhysicalPoint(list(rng.uniform(4, size - 5))) for _ in range(200)
    ]


def test_there_and_back() -> None:
    transform = both_parts()
    back = inverted(transform, volume())
    moved = [np.linalg.norm(np.subtract(transform.TransformPoint(p), p)) for p in points()]
    error = [
        np.linalg.norm(np.subtract(back.TransformPoint(transform.TransformPoint(p)), p)) for p in points()
    ]
    assert np.mean(moved) > 50
    assert max(error) < 0.15
    error = [
        np.linalg.norm(np.subtract(transform.TransformPoint(back.TransformPoint(q)), q))
        for q in (transform.TransformPoint(p) for p in points())
    ]
    assert max(error) < 0.15


def test_a_linear_transform_is_inverted_exactly() -> None:
    rigid = sitk.Euler3DTransform((5.0, -3.0, 40.0), 0.1, -0.05, 0.16, (10.0, -20.0, 60.0))
    back = inverted(rigid, volume())
    for p in points()[:10]:
        assert back.TransformPoint(rigid.TransformPoint(p)) == pytest.approx(p, abs=1e-9)


def test_it_is_written_and_read_like_any_other(tmp_path: Path) -> None:
    back = inverted(both_parts(), volume())
    write_transform(tmp_path / "back.h5", back)
    again = sitk.ReadTransform(str(tmp_path / "back.h5"))
    for p in points()[:10]:
        assert again.TransformPoint(p) == pytest.approx(back.TransformPoint(p), abs=1e-6)
