"""The simulated user: clicks where a person clicks, mistakes that are some, and corrections of what is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from training.recipes.interaction_settings import InteractionSettings
from training.sampling.simulated_user import correcting_click, earlier_clicks, first_click, wrong_answer

SPACING = (2.0, 1.0, 1.0)


def ball(
    center: tuple[int, int, int], radius: float, shape: tuple[int, int, int] = (32, 32, 32)
) -> np.ndarray:
    squares = [(np.arange(n) - c) ** 2 for n, c in zip(shape, center, strict=True)]
    return squares[0][:, None, None] + squares[1][None, :, None] + squares[2][None, None, :] <= radius**2


TRUTH, NOTHING = ball((16, 16, 16), 7.0), np.zeros((32, 32, 32), bool)


def clicks(**shares: float) -> np.ndarray:
    settings = InteractionSettings(
        **{"middle_share": 0.0, "boundary_share": 0.0, "wrong_share": 0.0, **shares}  # type: ignore[arg-type]
    )
    rng = np.random.default_rng(0)
    return np.array([first_click(rng, TRUTH, SPACING, settings) for _ in range(60)])


def distance_mm(places: np.ndarray) -> np.ndarray:
    """From the outline of the ball, which is flattened to half its height in z by the spacing: below 0 is outside."""
    inside = ndimage.distance_transform_edt(TRUTH, sampling=SPACING)
    outside = ndimage.distance_transform_edt(~TRUTH, sampling=SPACING)
    return np.array([(inside - outside)[tuple(np.rint(place).astype(int))] for place in places])


def test_clicks_lie_where_their_kind_says() -> None:
    depth = ndimage.distance_transform_edt(TRUTH, sampling=SPACING).max()
    assert distance_mm(clicks(middle_share=1.0)).min() >= 0.8 * depth
    assert distance_mm(clicks(boundary_share=1.0)).max() <= 0.3 * depth + 0.1
    assert distance_mm(clicks()).min() > 0
    assert distance_mm(clicks()).std() > 1  # anywhere in it


def test_wrong_clicks_miss_by_a_few_millimetres() -> None:
    missed = distance_mm(clicks(wrong_share=1.0))
    assert missed.min() >= -4.5
    assert (missed < 0).mean() > 0.5


def test_what_stands_is_wrong_in_many_ways_and_never_empty() -> None:
    rng = np.random.default_rng(1)
    overlaps = []
    for _ in range(40):
        stands = wrong_answer(rng, TRUTH, ball((16, 16, 28), 3.0))
        assert stands.any()
        overlaps.append(2 * (stands & TRUTH).sum() / (stands.sum() + TRUTH.sum()))
    assert min(overlaps) < 0.6
    assert max(overlaps) > 0.9
    assert np.std(overlaps) > 0.1


@pytest.mark.parametrize(
    ("stands", "include"), [(ball((16, 16, 16), 4.0), True), (TRUTH | ball((16, 16, 27), 5.0), False)]
)
def test_a_correction_lies_in_the_largest_part_that_is_wrong(stands: np.ndarray, include: bool) -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        found = correcting_click(rng, TRUTH, stands)
        assert found is not None
        assert found[1] == include
        assert TRUTH[found[0]] == include
        assert stands[found[0]] != include


def test_nothing_is_clicked_on_where_nothing_is_wrong() -> None:
    assert correcting_click(np.random.default_rng(0), TRUTH, TRUTH) is None


def test_earlier_clicks_are_followed_by_what_stands() -> None:
    stands = TRUTH & (np.arange(32) < 18)
    include, exclude = earlier_clicks(np.random.default_rng(0), TRUTH, stands, 30)
    assert len(include) + len(exclude) == 30
    assert min(len(include), len(exclude)) > 3
    assert all(TRUTH[place] and stands[place] for place in include)
    assert not any(TRUTH[place] or stands[place] for place in exclude)


def test_shares_of_first_clicks_make_one_whole() -> None:
    from LiverTumorAttentionLib.errors import InputError

    with pytest.raises(
        InputError, match="boundary_share, middle_share and wrong_share are parts of one whole"
    ):
        InteractionSettings(middle_share=0.9, boundary_share=0.2)
    with pytest.raises(InputError, match="correction_share must be a share from 0 to 1, got"):
        InteractionSettings(correction_share=1.5)
