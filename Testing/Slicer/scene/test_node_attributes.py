"""Names saved with the scene: equal to what Slicer and the library call the same thing."""

from __future__ import annotations

from typing import Any


def test_log_and_terminology_have_the_names_of_library_and_slicer(application: Any) -> None:
    import slicer

    from LiverTumorAttentionGui.scene.node_attributes import (
        COUINAUD_SOURCE_ATTRIBUTE,
        LOG_ATTRIBUTE,
        TERMINOLOGY_TAG,
    )
    from LiverTumorAttentionLib.correction import HEADER_KEY
    from LiverTumorAttentionLib.pipeline.liver_segments import SOURCE_KEY

    assert LOG_ATTRIBUTE == HEADER_KEY
    assert COUINAUD_SOURCE_ATTRIBUTE == SOURCE_KEY
    assert slicer.vtkSegment.GetTerminologyEntryTagName() == TERMINOLOGY_TAG


def test_saved_names_are_unique_and_unchanged() -> None:
    from LiverTumorAttentionGui.scene import node_attributes

    values = {
        name: value
        for name, value in vars(node_attributes).items()
        if name.endswith(("_REFERENCE", "_ATTRIBUTE"))
    }
    assert len(set(values.values())) == len(values)
    assert values == {
        "PORTAL_REFERENCE": "PortalVenous",
        "REGISTERED_REFERENCE": "RegisteredArterial",
        "DELAYED_REFERENCE": "RegisteredDelayed",
        "NATIVE_REFERENCE": "RegisteredNative",
        "TRANSFORM_REFERENCE": "ArterialToPortal",
        "PROBABILITY_REFERENCE": "TumorProbability",
        "VESSELS_REFERENCE": "Vessels",
        "DIFFERENCE_REFERENCE": "PhaseDifference",
        "TABLE_REFERENCE": "TumorTable",
        "DIAMETERS_REFERENCE": "TumorDiameters",
        "PLANE_REFERENCE": "ResectionPlane",
        "CURVED_CUT_REFERENCE": "CurvedCut",
        "CURVED_CUT_MODEL_REFERENCE": "CurvedCutModel",
        "VESSEL_CUTS_REFERENCE": "VesselCuts",
        "PLAN_REFERENCE": "MarginSegmentation",
        "COUINAUD_REFERENCE": "CouinaudSegments",
        "BASELINE_REFERENCE": "Baseline",
        "VISIT_TRANSFORM_REFERENCE": "FollowUpToBaseline",
        "REPORT_ATTRIBUTE": "LiverTumorAttention_Report",
        "LOG_ATTRIBUTE": "LiverTumorAttention_Corrections",
        "MARGIN_ATTRIBUTE": "LiverTumorAttention_MarginMm",
        "MARGIN_TUMORS_ATTRIBUTE": "LiverTumorAttention_MarginTumors",
        "WEIGHT_ATTRIBUTE": "LiverTumorAttention_WeightKg",
        "COMBINE_ATTRIBUTE": "LiverTumorAttention_Combine",
        "COMPARISON_ATTRIBUTE": "LiverTumorAttention_Comparison",
        "CURVED_FLIPPED_ATTRIBUTE": "LiverTumorAttention_CurvedFlipped",
        "CURVED_WITH_PLANES_ATTRIBUTE": "LiverTumorAttention_CurvedWithPlanes",
        "HEIGHT_ATTRIBUTE": "LiverTumorAttention_HeightCm",
        "RESECTION_ATTRIBUTE": "LiverTumorAttention_NamedResection",
        "CAUDATE_ATTRIBUTE": "LiverTumorAttention_WithCaudate",
        "COUINAUD_SOURCE_ATTRIBUTE": "LiverTumorAttention_CouinaudSource",
        "COUINAUD_VOXELS_ATTRIBUTE": "LiverTumorAttention_CouinaudVoxels",
        "COUINAUD_LIVER_ATTRIBUTE": "LiverTumorAttention_CouinaudLiver",
        "VESSELS_SOURCE_ATTRIBUTE": "LiverTumorAttention_VesselSource",
        "VESSELS_VOXELS_ATTRIBUTE": "LiverTumorAttention_VesselVoxels",
        "VESSELS_LIVER_ATTRIBUTE": "LiverTumorAttention_VesselLiver",
        "VESSELS_WARNINGS_ATTRIBUTE": "LiverTumorAttention_VesselWarnings",
        "SAVED_LOG_ATTRIBUTE": "LiverTumorAttention_SavedLog",
        "SAVED_FILE_ATTRIBUTE": "LiverTumorAttention_SavedFile",
        "CASE_ATTRIBUTE": "LiverTumorAttention_Case",
        "CASE_ROLE_ATTRIBUTE": "LiverTumorAttention_CaseRole",
        "CASE_VOLUME_ATTRIBUTE": "LiverTumorAttention_CaseVolume",
        "SOURCE_ATTRIBUTE": "LiverTumorAttention_SourceInstances",
        "ROLE_ATTRIBUTE": "LiverRole",
        "SEGMENTATION_ROLE_ATTRIBUTE": "LiverSegmentation.Role",
    }
