"""Couinaud segments by planes through landmarks that a reader places and moves: the same points, the same segments.

    plane       through                                                          parts
    main        cava, middle hepatic vein, gallbladder fossa                     right (V to VIII) from left (I to IV)
    right       cava, right hepatic vein, portal bifurcation                     V, VIII from VI, VII
    portal      portal bifurcation, across the axis of the cava                  V, VI below from VII, VIII above
    umbilical   cava, umbilical fissure, along the axis of the cava              II, III to the left from IV
    left        umbilical fissure, left hepatic vein, else across the axis       II above from III
    caudate     cava, portal bifurcation, umbilical fissure                      I behind
    caval       cava, portal bifurcation, along the axis of the cava             I to the left of it
    fissure     umbilical fissure, across the patient's left                     I to the right of it

Source: Couinaud, Le foie: etudes anatomiques et chirurgicales, 1957: the hepatic veins run between sectors, the portal
branches into segments. Departs: real borders bend; planes are what a reader can move and a test can know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from LiverTumorAttentionLib.config_parsing import from_mapping
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.voxels.boxes import bounding_box, box_start
from LiverTumorAttentionLib.voxels.geometry import ImageAxes, Point

LEAST_ANGLE = 0.05
"""Sine of the angle below which three points lie on one line and span no plane."""
ROUNDING_MM = 1e-6
"""A voxel this near to a plane lies on it."""
UP: Point = (0.0, 0.0, 1.0)
SOURCE = "by planes through landmarks"


@dataclass(frozen=True, kw_only=True)
class Landmarks:
    """Places that bound the segments, LPS mm. Raises `InputError` where they span no planes."""

    cava: Point
    """Middle of the inferior vena cava where the hepatic veins join it."""
    right_hepatic_vein: Point
    """The right hepatic vein far out in the liver."""
    middle_hepatic_vein: Point
    """The middle hepatic vein, likewise."""
    left_hepatic_vein: Point
    """The left hepatic vein, likewise."""
    portal_bifurcation: Point
    """Where the portal vein parts into right and left."""
    gallbladder: Point
    """Middle of the gallbladder's fossa, on the lower face of the liver."""
    umbilical_fissure: Point
    """The fissure of the round ligament, at the umbilical part of the left portal vein or before it."""
    cava_below: Point | None = None
    """Middle of the inferior vena cava farther down, which gives its axis; None takes the patient's long axis."""

    def __post_init__(self) -> None:
        for value in asdict(self).values():
            if value is not None and not np.isfinite(value).all():
                raise InputError("a landmark has a place that is no number: set it again")
        _ = self.planes

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Landmarks:
        """Build landmarks from JSON values. Raises `InputError` naming an unknown key and the nearest known one."""
        return from_mapping(cls, values, where="the landmarks")

    def as_dict(self) -> dict[str, Any]:
        """Return the landmarks as JSON values."""
        return {name: None if value is None else list(value) for name, value in asdict(self).items()}

    @property
    def axis(self) -> NDArray[np.float64]:
        """Unit vector along the cava towards the head."""
        if self.cava_below is None:
            return np.array(UP)
        way = np.subtract(self.cava, self.cava_below)
        length = float(np.linalg.norm(way))
        if length < 1.0 or way[2] <= 0:
            raise InputError(
                "the lower landmark of the cava must lie below the upper one: change their places, or leave it out"
            )
        return np.asarray(way / length)

    @cached_property
    def planes(self) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Point and unit normal of each plane; the normal points to what the table names first, or behind and left."""
        cava, axis = np.array(self.cava), self.axis
        portal, umbilical = np.array(self.portal_bifurcation), np.array(self.umbilical_fissure)
        middle, gallbladder = np.array(self.middle_hepatic_vein), np.array(self.gallbladder)
        left, right, back = np.array([1.0, 0, 0]), np.array([-1.0, 0, 0]), np.array([0, 1.0, 0])
        front = -back
        vein = np.subtract(self.left_hepatic_vein, umbilical)
        length = float(np.linalg.norm(vein))
        across = axis - (axis @ vein) * vein / max(length, 1e-9) ** 2
        if length == 0 or float(np.linalg.norm(across)) < LEAST_ANGLE:
            raise InputError(
                "the landmark of the left hepatic vein lies above or below the umbilical fissure, so that nobody can "
                "tell II from III: move it outwards"
            )
        return {
            "main": _plane("main", cava, middle - cava, gallbladder - cava, right),
            "right": _plane("right", cava, np.subtract(self.right_hepatic_vein, cava), portal - cava, front),
            "portal": (portal, axis),
            "umbilical": _plane("umbilical", cava, umbilical - cava, axis, left),
            "left": (umbilical, across / np.linalg.norm(across)),
            "caudate": _plane("caudate", cava, portal - cava, umbilical - cava, back),
            "caval": _plane("caval", cava, portal - cava, axis, left),
            "fissure": (umbilical, right),
        }


def segments_by_landmarks(liver: sitk.Image, landmarks: Landmarks) -> sitk.Image:
    """Return the segments: uint8, 1 to 8 in each voxel of the liver by its center, 0 outside, on the liver's grid.

    liver: 0 outside; in any orientation. A voxel on a plane belongs to what the plane's row names first.
    Raises `InputError` when there is no liver, and when the liver shows none of a segment, naming the landmarks.
    """
    values = sitk.GetArrayViewFromImage(liver)
    box = bounding_box(values)
    if box is None:
        raise InputError("the segmentation has no liver whose segments could be told: choose another one")
    axes = ImageAxes.of(liver).of_part(box_start(box))
    organ = values[box] > 0
    index = np.argwhere(organ)
    labels = segments_at(axes.position_mm(index), landmarks)
    whole = np.zeros(values.shape, np.uint8)
    inside = np.zeros(organ.shape, np.uint8)
    inside[tuple(index.T)] = labels
    whole[box] = inside
    image = sitk.GetImageFromArray(whole)
    image.CopyInformation(liver)
    return image


def segments_at(place: NDArray[np.float64], landmarks: Landmarks) -> NDArray[np.uint8]:
    """Return the segments, 1 to 8, of positions (n, 3), LPS mm."""
    side = {
        name: (place - point) @ normal >= -ROUNDING_MM for name, (point, normal) in landmarks.planes.items()
    }
    labels = np.where(side["left"], 2, 3).astype(np.uint8)
    labels[~side["umbilical"]] = 4
    caudate = side["caudate"] & side["caval"] & side["fissure"]
    labels[caudate] = 1
    on_right = side["main"] & ~caudate
    anterior, above = side["right"], side["portal"]
    for number, chosen in (
        (8, anterior & above),
        (5, anterior & ~above),
        (7, ~anterior & above),
        (6, ~anterior & ~above),
    ):
        labels[on_right & chosen] = number
    return labels


def _plane(
    name: str,
    point: NDArray[np.float64],
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    towards: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the plane through a point along two ways, its normal on the side of a direction."""
    normal = np.cross(first, second)
    size = float(np.linalg.norm(normal))
    lengths = float(np.linalg.norm(first) * np.linalg.norm(second))
    if size <= LEAST_ANGLE * lengths or lengths == 0:
        raise InputError(
            f"the landmarks of the {name} plane lie on one line, so that they span no plane: move one of them"
        )
    normal = normal / size
    if abs(float(normal @ towards)) < LEAST_ANGLE:
        raise InputError(
            f"the landmarks of the {name} plane lie so that nobody can tell its two sides apart: move one of them"
        )
    return point, normal if normal @ towards > 0 else -normal
