"""Checks of a network's arguments and inputs; the errors name what was expected and what was given."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import torch

from LiverTumorAttentionLib.errors import ModelError


def check_count(name: str, value: object, *, minimum: int, multiple_of: int = 1) -> int:
    """Return `value` if it is an int >= `minimum` and a multiple of `multiple_of`, else raise ModelError."""
    if not isinstance(value, int) or isinstance(value, bool) or value < minimum or value % multiple_of:
        step = f"a multiple of {multiple_of}, " if multiple_of > 1 else ""
        raise ModelError(
            f"{name} must be a whole number, {step}at least {minimum}; got {value!r}: give such a number"
        )
    return value


def check_scaled_width(name: str, value: object, width: int, multiple: int) -> int:
    """Return `value` if it is a count, `multiple` times `width` if it is None, else raise ModelError."""
    return multiple * width if value is None else check_count(name, value, minimum=1)


def check_choice(name: str, value: object, choices: Iterable[str]) -> str:
    """Return `value` if it is one of `choices`, else raise ModelError that names the nearest."""
    known = sorted(choices)
    if not isinstance(value, str) or value not in known:
        raise ModelError(f"{name} must be one of {', '.join(known)}; got {value!r}{nearest(value, known)}")
    return value


def nearest(value: object, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: "; did you mean …?", or nothing when none is near."""
    matches = difflib.get_close_matches(str(value).lower(), list(known), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(matches)}?" if matches else ""


def check_slices(name: str, image: torch.Tensor, *, channels: int, minimum_side: int = 1) -> None:
    """Raise ModelError unless `image` is (B, channels, Y, X) with Y and X at least `minimum_side` pixels."""
    _check_image(name, image, ("rows", "columns"), channels, minimum_side)


def check_phases(
    portal: torch.Tensor, arterial: torch.Tensor | None, *, channels: int, minimum_side: int = 1
) -> torch.Tensor:
    """Return the arterial phase if there is one and both are slices as `check_slices` has them, of one shape.

    Raises ModelError otherwise.
    """
    if arterial is None:
        raise ModelError(
            "this network needs 2 phases, portal and arterial; got 1: use resseg or unet for one phase"
        )
    check_slices("the portal phase", portal, channels=channels, minimum_side=minimum_side)
    check_slices("the arterial phase", arterial, channels=channels, minimum_side=minimum_side)
    if portal.shape != arterial.shape:
        raise ModelError(
            "the portal and the arterial phase must have the same shape; "
            f"got {tuple(portal.shape)} and {tuple(arterial.shape)}: resample one onto the other"
        )
    return arterial


def check_volume(name: str, image: torch.Tensor, *, channels: int, minimum_side: int = 1) -> None:
    """Raise ModelError unless `image` is (B, channels, Z, Y, X), each side at least `minimum_side` voxels."""
    _check_image(name, image, ("slices", "rows", "columns"), channels, minimum_side)


def _check_image(
    name: str, image: torch.Tensor, axes: tuple[str, ...], channels: int, minimum_side: int
) -> None:
    got = f"got {tuple(image.shape)}"
    if image.ndim != len(axes) + 2:
        raise ModelError(
            f"{name} must have {len(axes) + 2} dimensions, (batch, {channels}, {', '.join(axes)}); {got}"
            ": reshape it"
        )
    if image.shape[1] != channels:
        what = "slices" if len(axes) == 2 else "volumes"
        raise ModelError(
            f"{name} must have {channels} channels, (batch, {channels}, {', '.join(axes)}); {got}: "
            f"stack {channels} {what}, or build the network with in_channels={image.shape[1]}"
        )
    if min(image.shape[2:]) < minimum_side:
        sides = " x ".join([str(minimum_side)] * len(axes))
        unit = "pixels" if len(axes) == 2 else "voxels"
        raise ModelError(f"{name} must be at least {sides} {unit}; {got}: pad it")


def check_flag(name: str, value: object) -> bool:
    """Return `value` if it is True or False, else raise ModelError."""
    if not isinstance(value, bool):
        raise ModelError(f"{name} must be True or False; got {value!r}: give one of the two")
    return value
