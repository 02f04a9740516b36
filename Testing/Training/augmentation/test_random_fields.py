import numpy as np
from scipy import ndimage

from training.augmentation.random_fields import smooth_noise


def test_smooth_noise_has_unit_deviation_and_is_smooth():
    field = smooth_noise(np.random.default_rng(1), (60, 80, 90), (3.0, 2.0, 2.0), 20.0)
    assert field.shape == (60, 80, 90)
    assert abs(field.mean()) < 0.2
    assert 0.85 < field.std() < 1.15
    for axis, spacing in enumerate((3.0, 2.0, 2.0)):
        slope = np.abs(np.diff(field, axis=axis)).mean() / spacing
        assert slope < 1.5 / 20.0 * 1.2


def test_components_are_independent():
    fields = smooth_noise(np.random.default_rng(2), (40, 40), (1, 1), 4.0, components=2)
    assert abs(np.corrcoef(fields[0].ravel(), fields[1].ravel())[0, 1]) < 0.2


def test_between_the_control_points_runs_the_cubic_spline_of_scipy():
    rng = np.random.default_rng(3)
    field = smooth_noise(np.random.default_rng(3), (9, 30), (2.0, 1.0), 7.0)
    controls = rng.standard_normal((int(np.ceil(8 * 2 / 7)) + 4, int(np.ceil(29 / 7)) + 4))
    places = np.meshgrid(np.arange(9) * 2 / 7 + 1, np.arange(30) / 7 + 1, indexing="ij")
    expected = ndimage.map_coordinates(controls, places, order=3, prefilter=False) / 0.479365
    np.testing.assert_allclose(field, expected, atol=1e-5)
