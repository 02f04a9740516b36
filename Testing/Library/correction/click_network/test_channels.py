"""The network's input: what each channel holds, and what says that something is not given."""

from __future__ import annotations

import numpy as np
import pytest

from LiverTumorAttentionLib.correction.click_network.channels import (
    CHANNELS,
    CONTRAST_HU,
    LARGEST_CONTRAST,
    View,
    network_input,
    prompt_map,
)

SHAPE = (6, 7, 8)


def field(value: float) -> np.ndarray:
    return np.full(SHAPE, value, np.float32)


def channels(**given: object) -> dict[str, np.ndarray]:
    view = {
        "portal": field(-CONTRAST_HU),
        "arterial": field(3 * CONTRAST_HU),
        "probability": field(0.25),
        "liver": field(0.5),
        "others": field(0.125),
        "previous": field(0.75),
        "walker": field(0.625),
        "include": [np.array([1.0, 2.0, 3.0])],
        "exclude": [np.array([5.0, 6.0, 7.0])],
        "step_mm": 2.4,
    }
    return dict(zip(CHANNELS, network_input(View(**{**view, **given})), strict=True))


def test_every_channel_is_in_its_place() -> None:
    found = channels()
    constant = {
        "portal": -1, "arterial": 3, "arterial given": 1, "probability": 0.25, "probability given": 1,
        "liver": 0.5, "other lesions": 0.125, "previous": 0.75, "random walker": 0.625, "step": 1,
    }  # fmt: skip
    for name, value in constant.items():
        np.testing.assert_allclose(found[name], value, err_msg=name)
    assert np.unravel_index(found["include"].argmax(), SHAPE) == (1, 2, 3)
    assert np.unravel_index(found["exclude"].argmax(), SHAPE) == (5, 6, 7)


def test_what_is_not_given_is_0_and_said_to_be_not_given() -> None:
    found = channels(arterial=None, probability=None, include=[], exclude=[])
    for name in ("arterial", "arterial given", "probability", "probability given", "include", "exclude"):
        assert not found[name].any(), name


def test_a_contrast_is_clipped() -> None:
    found = channels(portal=field(-1000), arterial=field(1000))
    assert found["portal"].min() == -LARGEST_CONTRAST
    assert found["arterial"].max() == LARGEST_CONTRAST


def test_a_prompt_is_a_gaussian_and_several_are_the_largest() -> None:
    one, two = (prompt_map([np.array([1.0, 2.0, c])], SHAPE) for c in (1.0, 6.0))
    assert one[1, 2, 1] == 1
    assert one[1, 2, 3] == pytest.approx(np.exp(-0.5))  # one deviation, two samples, away
    both = prompt_map([np.array([1.0, 2.0, 1.0]), np.array([1.0, 2.0, 6.0])], SHAPE)
    np.testing.assert_allclose(both, np.maximum(one, two))
