"""Networks that would take more memory than any has are refused before it is taken."""

from __future__ import annotations

import pytest
import torch

from LiverTumorAttentionLib.errors import ModelError
from LiverTumorAttentionLib.networks import MOST_PARAMETERS, build_network


@pytest.mark.parametrize("name", ["resseg", "unet", "dpcnet", "sfan", "context"])
@pytest.mark.parametrize("width", [3 * 10**4, 10**9, 10**18])
def test_monstrous_widths(name: str, width: int) -> None:
    with pytest.raises(ModelError, match=rf"{name}' with width={width} (has more than|cannot be built)"):
        build_network(name, width=width)


def test_the_limit_is_one_of_parameters() -> None:
    count = sum(parameter.numel() for parameter in build_network("unet", width=4).parameters())
    assert build_network("unet", width=4, most_parameters=count) is not None
    with pytest.raises(ModelError, match=f"has more than {count - 1:,} parameters"):
        build_network("unet", width=4, most_parameters=count - 1)


def test_other_modules_are_not_counted_afterwards() -> None:
    with pytest.raises(ModelError):
        build_network("unet", width=4, most_parameters=1)
    assert sum(p.numel() for p in torch.nn.Linear(100, 100).parameters()) == 10_100
    assert MOST_PARAMETERS * 4 == 2**31
