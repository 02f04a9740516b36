"""Names that the module writes into MRML nodes: reference roles, attributes, segment tags and singleton tags.

They are saved with the scene. Changing a value here makes the data of saved scenes unreachable.
"""

from __future__ import annotations

from dataclasses import dataclass

# Reference roles of the study's segmentation node ---------------------------------------------------------

PORTAL_REFERENCE = "PortalVenous"
"""Volume: the portal venous CT on whose voxels the segmentation lies."""
REGISTERED_REFERENCE = "RegisteredArterial"
"""Volume: the arterial CT, registered onto the portal venous one."""
DELAYED_REFERENCE = "RegisteredDelayed"
"""Volume: the delayed CT, registered likewise."""
NATIVE_REFERENCE = "RegisteredNative"
"""Volume: the CT without contrast, registered likewise."""
TRANSFORM_REFERENCE = "ArterialToPortal"
"""Transform: the registration."""
PROBABILITY_REFERENCE = "TumorProbability"
"""Volume: probability of tumor, 0 to 1."""
VESSELS_REFERENCE = "Vessels"
"""Segmentation: the vessels that distances are measured to; chosen by the user."""
DIFFERENCE_REFERENCE = "PhaseDifference"
"""Volume: the registered arterial CT minus the portal venous one, HU; made for the reading layout."""
TABLE_REFERENCE = "TumorTable"
"""Table: one row a tumor."""
DIAMETERS_REFERENCE = "TumorDiameters"
"""Markups lines, several: the two diameters of each tumor."""
PLANE_REFERENCE = "ResectionPlane"
"""Markups planes, several: where the liver is to be cut."""
CURVED_CUT_REFERENCE = "CurvedCut"
"""Markups points: those that a curved cut passes through."""
CURVED_CUT_MODEL_REFERENCE = "CurvedCutModel"
"""Model: the curved cut as it is drawn."""
VESSEL_CUTS_REFERENCE = "VesselCuts"
"""Markups points: where vessels are cut."""
PLAN_REFERENCE = "MarginSegmentation"
"""Segmentation: the safety margin and the resected part."""
COUINAUD_REFERENCE = "CouinaudSegments"
"""Segmentation: the eight Couinaud segments of the liver."""
BASELINE_REFERENCE = "Baseline"
"""Segmentation: the study of an earlier date that this one is the follow-up of."""
VISIT_TRANSFORM_REFERENCE = "FollowUpToBaseline"
"""Transform: of a follow-up, its registration onto the baseline."""

# Attributes of the study's segmentation node --------------------------------------------------------------

REPORT_ATTRIBUTE = "LiverTumorAttention_Report"
"""The report of the run that found the tumors, JSON."""
LOG_ATTRIBUTE = "LiverTumorAttention_Corrections"
"""The log of corrections, JSON. Equals the library's `correction.log.HEADER_KEY`, whose import needs scipy."""
MARGIN_ATTRIBUTE = "LiverTumorAttention_MarginMm"
"""Width of the safety margin, mm."""
MARGIN_TUMORS_ATTRIBUTE = "LiverTumorAttention_MarginTumors"
"""Numbers of the tumors that have a margin, with commas between."""
WEIGHT_ATTRIBUTE = "LiverTumorAttention_WeightKg"
"""Body weight, kg."""
COMBINE_ATTRIBUTE = "LiverTumorAttention_Combine"
"""How several resection planes are combined: "all" or "any"."""
CURVED_FLIPPED_ATTRIBUTE = "LiverTumorAttention_CurvedFlipped"
"""Whether the curved cut takes out the larger part: "1"; not set otherwise."""
CURVED_WITH_PLANES_ATTRIBUTE = "LiverTumorAttention_CurvedWithPlanes"
"""Whether the curved cut and the planes are one resection: "1"; not set otherwise."""
HEIGHT_ATTRIBUTE = "LiverTumorAttention_HeightCm"
"""Body height, cm."""
RESECTION_ATTRIBUTE = "LiverTumorAttention_NamedResection"
"""The chosen resection by Couinaud segments, a key of the library's `NAMED_RESECTIONS`."""
CAUDATE_ATTRIBUTE = "LiverTumorAttention_WithCaudate"
"""Whether segment I is resected with it: "1"; not set otherwise."""

SAVED_LOG_ATTRIBUTE = "LiverTumorAttention_SavedLog"
"""SHA-256 of the log as it was when the case of a worklist was last loaded or saved."""
SAVED_FILE_ATTRIBUTE = "LiverTumorAttention_SavedFile"
"""SHA-256 of the segmentation's file that it was loaded from or saved to, likewise."""

COMPARISON_ATTRIBUTE = "LiverTumorAttention_Comparison"
"""Of a follow-up: its comparison with the baseline and what a person said of it, JSON."""

# Attributes of the segmentation of Couinaud segments ------------------------------------------------------

COUINAUD_SOURCE_ATTRIBUTE = "LiverTumorAttention_CouinaudSource"
"""Who told the segments, in words. Equals the library's `pipeline.liver_segments.SOURCE_KEY`."""
COUINAUD_VOXELS_ATTRIBUTE = "LiverTumorAttention_CouinaudVoxels"
"""Checksum of the segments as they were told: other voxels were corrected by hand."""
COUINAUD_LIVER_ATTRIBUTE = "LiverTumorAttention_CouinaudLiver"
"""Checksum of the liver that they were told for."""

# Attributes of the segmentation of proposed vessels -------------------------------------------------------

VESSELS_SOURCE_ATTRIBUTE = "LiverTumorAttention_VesselSource"
"""Who told the vessels, in words; not set on vessels of another origin. Equals `pipeline.liver_vessels.SOURCE_KEY`."""
VESSELS_VOXELS_ATTRIBUTE = "LiverTumorAttention_VesselVoxels"
"""Checksum of the vessels and names as they were proposed: others were corrected by hand."""
VESSELS_LIVER_ATTRIBUTE = "LiverTumorAttention_VesselLiver"
"""Checksum of the liver that they were proposed for."""
VESSELS_WARNINGS_ATTRIBUTE = "LiverTumorAttention_VesselWarnings"
"""What the proposal warned of, such as trees that were guessed; JSON, a list of sentences."""

# Attributes of the volumes of a worklist's case -----------------------------------------------------------

CASE_ATTRIBUTE = "LiverTumorAttention_Case"
"""The case's folder."""
CASE_ROLE_ATTRIBUTE = "LiverTumorAttention_CaseRole"
"""What the volume is to the case: "portal", "arterial", "delayed" or "native"."""
CASE_VOLUME_ATTRIBUTE = "LiverTumorAttention_CaseVolume"
"""Checksum of voxels and place as they were loaded."""

# Attributes shared with the extension Slicer-Liver --------------------------------------------------------

ROLE_ATTRIBUTE = "LiverRole"
"""Of a volume: the phase that it shows, one of those below."""
PORTAL_ROLE = "PortalVenous"
ARTERIAL_ROLE = "Arterial"
DELAYED_ROLE = "Delayed"
NATIVE_ROLE = "Native"
REGISTERED_ROLE = "ArterialRegistered"
"""Not "Arterial": other extensions look for that role to find the volume as it was acquired."""


@dataclass(frozen=True, kw_only=True)
class PhaseNames:
    """Names for a phase that is registered onto the portal venous one.

    reference: role of the registered volume in the segmentation. role, registered_role: `ROLE_ATTRIBUTE` of the volume
    as it was acquired and of the registered one.
    """

    reference: str
    role: str
    registered_role: str


PHASE_NAMES = {
    "arterial": PhaseNames(
        reference=REGISTERED_REFERENCE, role=ARTERIAL_ROLE, registered_role=REGISTERED_ROLE
    ),
    "delayed": PhaseNames(
        reference=DELAYED_REFERENCE, role=DELAYED_ROLE, registered_role=f"{DELAYED_ROLE}Registered"
    ),
    "native": PhaseNames(
        reference=NATIVE_REFERENCE, role=NATIVE_ROLE, registered_role=f"{NATIVE_ROLE}Registered"
    ),
}
"""By the phase's name in the library."""
SOURCE_ATTRIBUTE = "LiverTumorAttention_SourceInstances"
"""Of a registered volume: UIDs of the DICOM instances of the series that it was registered from."""
SEGMENTATION_ROLE_ATTRIBUTE = "LiverSegmentation.Role"
"""Of a segmentation: `CANONICAL_ROLE` on the one that Slicer-Liver plans on."""
CANONICAL_ROLE = "canonical"

# Segments -------------------------------------------------------------------------------------------------

LIVER_SEGMENT = "Liver"
"""Name of the whole liver's segment."""
LESION_TAG = "LiverTumorAttention.Lesion"
"""Tag of a segment, attribute of a diameter line: the number of the tumor."""
TERMINOLOGY_TAG = "TerminologyEntry"
"""Slicer's tag for the coded meaning of a segment."""

# Singleton nodes ------------------------------------------------------------------------------------------

EDITOR_TAG = "LiverTumorAttention"
"""Of the Segment Editor's parameter node for the panel's brush."""
