"""Columns of every table of tumors: CSV files, the table node in Slicer, the panel's lists and the report's page.

A column reads its value by the same path from a `TumorReview`, from a `TumorMeasurement`, and from the JSON values
of either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from LiverTumorAttentionLib.wording import quantity

MEASUREMENT = "measurement"
"""Field of a `TumorReview` that holds the `TumorMeasurement`; paths that begin with it read from both."""
TUMOR_NAME = "Tumor {}"


@dataclass(frozen=True, kw_only=True)
class TumorColumn:
    """A quantity of a tumor: what it is called, where it is found, and how it is written."""

    name: str
    """Heading in the CSV file of a review."""
    run_name: str = ""
    """Heading in the CSV file of a run, where it differs."""
    title: str
    """Heading where people read, without the unit."""
    short_title: str = ""
    """Heading of a narrow list, where it differs."""
    unit: str = ""
    """Unit; empty for text and pure numbers."""
    path: tuple[str | int, ...]
    """Fields (or keys, or an index) that lead to the value in a `TumorReview`."""
    sign: float = 1.0
    """Factor of the value: -1 turns LPS into RAS."""
    csv_digits: int | None = 1
    """Decimals in CSV files; None for text and whole numbers."""
    node_digits: int = 3
    """Decimals in Slicer's table node."""
    digits: int = 1
    """Decimals where people read, of units whose precision `wording.quantity` leaves open."""
    signed: bool = False
    """Whether a positive number is written with its sign where people read."""
    is_tumor: bool = False
    """Whether the value is the number of a tumor."""
    meaning: str = ""
    """What the value says, where the heading alone could be misread; one or two sentences."""

    @property
    def header(self) -> str:
        """The heading with its unit, as in "Volume (mL)"."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    @property
    def narrow_header(self) -> str:
        """The heading of a narrow list, its unit on a second line."""
        title = self.short_title or self.title
        return f"{title}\n({self.unit})" if self.unit else title

    def value(self, tumor: Any) -> Any:
        """Return the value, unrounded; None where it was not measured.

        tumor: a `TumorReview`, a `TumorMeasurement`, or the JSON values of either.
        """
        path = self.path
        if path[0] == MEASUREMENT and _child(tumor, MEASUREMENT) is None:
            path = path[1:]
        for key in path:
            tumor = _child(tumor, key)
            if tumor is None:
                return None
        return self.sign * tumor if self.sign < 0 else tumor

    def csv_text(self, tumor: Any) -> str:
        """Return the cell of a CSV file; empty where nothing was measured."""
        value = self.value(tumor)
        if value is None:
            return ""
        return str(value) if self.csv_digits is None else f"{value:.{self.csv_digits}f}"

    def text(self, tumor: Any, missing: str = "–") -> str:
        """Return the cell of a list that people read, without the unit."""
        value = self.value(tumor)
        if value is None:
            return missing
        if self.is_tumor:
            return TUMOR_NAME.format(value)
        if self.csv_digits is None:
            return str(value)
        return quantity(value, self.unit, self.digits, signed=self.signed)


def _child(parent: Any, key: str | int) -> Any:
    if isinstance(parent, Mapping):
        return parent.get(key)
    return parent[key] if isinstance(key, int) else getattr(parent, key, None)


_LPS_MM = (MEASUREMENT, "centroid_lps_mm")
_ALL = (
    TumorColumn(name="tumor", title="Tumor", path=(MEASUREMENT, "number"), csv_digits=None, is_tumor=True),
    TumorColumn(
        name="volume_ml", title="Volume", unit="mL", path=(MEASUREMENT, "volume_ml"), csv_digits=3, digits=2
    ),
    TumorColumn(
        name="longest_axial_diameter_mm",
        title="Longest diameter",
        unit="mm",
        path=(MEASUREMENT, "longest_axial_diameter_mm"),
    ),
    TumorColumn(
        name="perpendicular_diameter_mm",
        title="Perpendicular",
        unit="mm",
        path=(MEASUREMENT, "perpendicular_diameter_mm"),
    ),
    TumorColumn(
        name="longest_3d_diameter_mm",
        title="Longest 3D diameter",
        unit="mm",
        path=("longest_3d_diameter_mm",),
    ),
    TumorColumn(
        name="neck_ratio",
        title="Neck ratio",
        path=(MEASUREMENT, "neck_ratio"),
        csv_digits=3,
        digits=2,
        meaning="Neck ratio: radius of the narrowest neck over that of the smaller of the two bodies that it joins; "
        "empty for a tumor of one body. Where the neck is narrow the tumor is marked: it may be two that touch.",
    ),
    TumorColumn(
        name="segments",
        title="Couinaud segments",
        short_title="Segments",
        path=(MEASUREMENT, "segments"),
        csv_digits=None,
        meaning="Couinaud segments: those that the tumor lies in, with the share of its volume in each. Who says where "
        "the segments are is told below; borders that are proposed or drawn as planes may be off by a centimeter.",
    ),
    TumorColumn(name="slice_index", title="Slice index", path=(MEASUREMENT, "slice_index"), csv_digits=None),
    TumorColumn(
        name="mean_probability",
        title="Probability",
        path=(MEASUREMENT, "mean_probability"),
        csv_digits=3,
        digits=2,
    ),
    TumorColumn(
        name="lesion_probability",
        title="Lesion probability",
        short_title="Lesion\nprobability",
        path=(MEASUREMENT, "lesion_probability"),
        csv_digits=3,
        digits=2,
        meaning="Lesion probability: of findings with this value that share are lesions, on cases like those that the "
        "model was calibrated on. It tells lesions from vessels and other false findings, not what a lesion is; a "
        "tumor that was drawn or changed by hand has none.",
    ),
    TumorColumn(
        name="portal_hu",
        run_name="mean_portal_hu",
        title="Portal venous",
        short_title="Portal",
        unit="HU",
        path=(MEASUREMENT, "mean_hu_portal"),
    ),
    TumorColumn(
        name="portal_sd_hu",
        run_name="sd_portal_hu",
        title="Portal venous SD",
        unit="HU",
        path=(MEASUREMENT, "sd_hu_portal"),
    ),
    TumorColumn(
        name="liver_portal_hu",
        title="Liver around, portal venous",
        unit="HU",
        path=("brightness", "liver_portal", "mean_hu"),
    ),
    TumorColumn(
        name="portal_contrast_hu",
        title="Portal contrast to the liver around",
        unit="HU",
        path=("brightness", "contrast_portal_hu"),
        signed=True,
    ),
    TumorColumn(
        name="arterial_hu",
        run_name="mean_arterial_hu",
        title="Arterial",
        unit="HU",
        path=(MEASUREMENT, "mean_hu_arterial"),
    ),
    TumorColumn(
        name="arterial_sd_hu",
        title="Arterial SD",
        unit="HU",
        path=("brightness", "arterial", "sd_hu"),
    ),
    TumorColumn(
        name="liver_arterial_hu",
        title="Liver around, arterial",
        unit="HU",
        path=("brightness", "liver_arterial", "mean_hu"),
    ),
    TumorColumn(
        name="arterial_contrast_hu",
        title="Arterial contrast to the liver around",
        unit="HU",
        path=("brightness", "contrast_arterial_hu"),
        signed=True,
    ),
    TumorColumn(
        name="native_hu",
        run_name="mean_native_hu",
        title="Native",
        unit="HU",
        path=(MEASUREMENT, "mean_hu_native"),
    ),
    TumorColumn(
        name="liver_native_hu",
        title="Liver around, native",
        unit="HU",
        path=("brightness", "liver_native", "mean_hu"),
    ),
    TumorColumn(
        name="delayed_hu",
        run_name="mean_delayed_hu",
        title="Delayed",
        unit="HU",
        path=(MEASUREMENT, "mean_hu_delayed"),
    ),
    TumorColumn(
        name="liver_delayed_hu",
        title="Liver around, delayed",
        unit="HU",
        path=("brightness", "liver_delayed", "mean_hu"),
    ),
    TumorColumn(
        name="delayed_contrast_hu",
        title="Delayed contrast to the liver around",
        unit="HU",
        path=("brightness", "contrast_delayed_hu"),
        signed=True,
    ),
    TumorColumn(
        name="arterial_portal_difference_hu",
        title="Arterial \N{MINUS SIGN} portal difference",
        short_title="Arterial\n\N{MINUS SIGN} portal",
        unit="HU",
        path=("brightness", "arterial_portal_difference_hu"),
        signed=True,
        meaning="Arterial \N{MINUS SIGN} portal difference: mean of the tumor in the arterial phase less that in the "
        "portal venous phase. It is no enhancement, which needs a native phase.",
    ),
    TumorColumn(
        name="arterial_enhancement_hu",
        title="Arterial enhancement",
        unit="HU",
        path=("brightness", "enhancement_arterial_hu"),
        signed=True,
        meaning="Enhancement: mean of the tumor in a phase with contrast agent less that in the native phase.",
    ),
    TumorColumn(
        name="portal_enhancement_hu",
        title="Portal venous enhancement",
        unit="HU",
        path=("brightness", "enhancement_portal_hu"),
        signed=True,
    ),
    TumorColumn(
        name="delayed_enhancement_hu",
        title="Delayed enhancement",
        unit="HU",
        path=("brightness", "enhancement_delayed_hu"),
        signed=True,
    ),
    TumorColumn(
        name="washout_hu",
        title="Washout",
        unit="HU",
        path=("brightness", "washout_hu"),
        meaning="Washout: arterial less later contrast to the liver around. It is given only where the tumor is "
        "brighter than the liver around it in the arterial phase, and darker, its inner half too, in the portal venous "
        "or delayed phase.",
    ),
    TumorColumn(
        name="rim_core_ratio",
        title="Rim to core, arterial",
        short_title="Rim / core",
        path=("rim", "rim_core_ratio"),
        csv_digits=3,
        digits=2,
        meaning="Rim to core: mean HU of the outer half of the tumor's voxels over that of the inner half, in the "
        "arterial phase.",
    ),
    TumorColumn(
        name="capsule_hu",
        title="Late rim (capsule)",
        unit="HU",
        path=("rim", "capsule_hu"),
        signed=True,
        meaning="Late rim: mean of a thin shell about the outline, in the delayed phase or else the portal venous one, "
        "less the brighter of the tumor's inner half and the liver around; positive where the outline is brighter than "
        "both. The share beside it: in how many of the octants around the center that holds.",
    ),
    TumorColumn(
        name="capsule_share",
        title="Share of the late rim",
        path=("rim", "capsule_share"),
        csv_digits=3,
        digits=2,
    ),
    TumorColumn(
        name="surface_distance_mm",
        title="To liver surface",
        short_title="To surface",
        unit="mm",
        path=("surface", "distance_mm"),
        node_digits=2,
    ),
    TumorColumn(
        name="nearest_tumor",
        title="Next tumor",
        path=("nearest_tumor", "number"),
        csv_digits=None,
        is_tumor=True,
    ),
    TumorColumn(
        name="nearest_tumor_mm",
        title="To next tumor",
        unit="mm",
        path=("nearest_tumor", "distance_mm"),
        node_digits=2,
    ),
    TumorColumn(
        name="nearest_vessel", title="Nearest vessel", path=("nearest_vessel", "name"), csv_digits=None
    ),
    TumorColumn(
        name="nearest_vessel_mm",
        title="To nearest vessel",
        short_title="To vessel",
        unit="mm",
        path=("nearest_vessel", "distance_mm"),
        node_digits=2,
    ),
    TumorColumn(
        name="vessel_contact_mm2",
        title="Vessel contact",
        unit="mm2",
        path=("nearest_vessel", "contact_area_mm2"),
        node_digits=2,
    ),
    TumorColumn(name="centroid_l_mm", title="Centroid L", unit="mm", path=(*_LPS_MM, 0)),
    TumorColumn(name="centroid_p_mm", title="Centroid P", unit="mm", path=(*_LPS_MM, 1)),
    TumorColumn(name="centroid_s_mm", title="Centroid S", unit="mm", path=(*_LPS_MM, 2), node_digits=2),
    TumorColumn(
        name="centroid_r_mm", title="Centroid R", unit="mm", path=(*_LPS_MM, 0), sign=-1.0, node_digits=2
    ),
    TumorColumn(
        name="centroid_a_mm", title="Centroid A", unit="mm", path=(*_LPS_MM, 1), sign=-1.0, node_digits=2
    ),
)
TUMOR_COLUMNS = {column.name: column for column in _ALL}
"""Every column, by its name."""


def columns(names: str) -> tuple[TumorColumn, ...]:
    """Return columns by their names, which blanks separate."""
    return tuple(TUMOR_COLUMNS[name] for name in names.split())


RUN_COLUMNS = columns(
    "tumor volume_ml longest_axial_diameter_mm perpendicular_diameter_mm slice_index centroid_l_mm centroid_p_mm "
    "centroid_s_mm portal_hu portal_sd_hu arterial_hu delayed_hu native_hu mean_probability lesion_probability "
    "neck_ratio segments"
)
"""Columns of the CSV file of a run, all from a `TumorMeasurement`; the centroid is in LPS."""
REVIEW_COLUMNS = columns(
    "tumor volume_ml longest_axial_diameter_mm perpendicular_diameter_mm longest_3d_diameter_mm slice_index "
    "mean_probability lesion_probability neck_ratio native_hu portal_hu portal_sd_hu portal_contrast_hu arterial_hu "
    "arterial_sd_hu arterial_contrast_hu delayed_hu delayed_contrast_hu arterial_portal_difference_hu "
    "arterial_enhancement_hu portal_enhancement_hu delayed_enhancement_hu washout_hu rim_core_ratio capsule_hu "
    "capsule_share surface_distance_mm nearest_tumor nearest_tumor_mm nearest_vessel nearest_vessel_mm "
    "vessel_contact_mm2 segments"
)
"""Columns of the CSV file of a review."""
NODE_COLUMNS = columns(
    "volume_ml longest_axial_diameter_mm perpendicular_diameter_mm longest_3d_diameter_mm neck_ratio native_hu "
    "liver_native_hu portal_hu liver_portal_hu arterial_hu liver_arterial_hu delayed_hu liver_delayed_hu "
    "arterial_portal_difference_hu arterial_enhancement_hu portal_enhancement_hu delayed_enhancement_hu washout_hu "
    "rim_core_ratio capsule_hu capsule_share mean_probability lesion_probability surface_distance_mm nearest_tumor "
    "nearest_tumor_mm nearest_vessel nearest_vessel_mm vessel_contact_mm2 segments centroid_r_mm centroid_a_mm "
    "centroid_s_mm"
)
"""Columns of the table node in Slicer after the tumor's name; centroids are RAS, as everything in Slicer."""
RUN_NODE_COLUMNS = tuple(column for column in NODE_COLUMNS if column.path[0] == MEASUREMENT)
"""Those of them that a run measures already."""
PAGE_SIZE_COLUMNS = columns(
    "segments volume_ml longest_axial_diameter_mm perpendicular_diameter_mm longest_3d_diameter_mm neck_ratio "
    "surface_distance_mm nearest_tumor nearest_vessel mean_probability lesion_probability"
)
"""Columns of the report's table of sizes and places."""
PAGE_HU_COLUMNS = columns(
    "native_hu arterial_hu arterial_contrast_hu portal_hu portal_contrast_hu delayed_hu delayed_contrast_hu "
    "arterial_portal_difference_hu arterial_enhancement_hu portal_enhancement_hu delayed_enhancement_hu washout_hu "
    "rim_core_ratio capsule_hu capsule_share"
)
"""Columns of the report's table of attenuation."""
ALWAYS_SHOWN = frozenset(
    column.name
    for column in (*PAGE_SIZE_COLUMNS, *columns("portal_hu portal_contrast_hu"))
    if column.name not in ("lesion_probability", "neck_ratio", "segments")
)
"""Columns that are shown where no tumor has a value, too: their dashes tell that nothing was measured."""


def shown_columns(chosen: Sequence[TumorColumn], tumors: Sequence[Any]) -> tuple[TumorColumn, ...]:
    """Return those of some columns in which any tumor has a value, and those of `ALWAYS_SHOWN`."""
    return tuple(
        column
        for column in chosen
        if column.name in ALWAYS_SHOWN or any(column.value(tumor) is not None for tumor in tumors)
    )
