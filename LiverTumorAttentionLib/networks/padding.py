"""Any image size for networks that halve the grid a fixed number of times: fill up, then cut off again."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional


def pad_to_multiple(image: torch.Tensor, multiple: int) -> torch.Tensor:
    """Fill an image up at its far borders until every side is a multiple of `multiple` (and not 0).

    image: (B, C, *spatial), two or three spatial axes. The border's values are repeated: zeros would draw an
    edge there. Returns the image itself when nothing is missing.
    """
    missing = [-side % multiple for side in image.shape[2:]]
    if not any(missing):
        return image
    widths = [width for side in reversed(missing) for width in (0, side)]
    return functional.pad(image, widths, mode="replicate")


def crop_to(image: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Cut (B, C, *spatial) at its far borders to the spatial `size`."""
    for axis, side in enumerate(size, start=2):
        if image.shape[axis] != side:
            image = image.narrow(axis, 0, side)
    return image
