"""A classifier whose lesion probability is known beforehand: it depends on one feature alone."""

from __future__ import annotations

from LiverTumorAttentionLib.lesion_classifier import (
    Calibration,
    FeatureCurve,
    LesionClassifier,
    OperatingPoint,
    OperatingPoints,
)

THRESHOLDS = {"sensitive": 0.1, "balanced": 0.5, "specific": 0.9}


def by_size(
    even_mm: float, *, slope: float = 1.0, offset: float = 0.0, averaging: str = "none"
) -> LesionClassifier:
    """Return one whose logit is the equivalent diameter in mm less `even_mm`, before calibration."""
    curve = FeatureCurve(
        feature="equivalent_diameter_mm", low=0.0, high=1000.0, center=0.0, scale=1.0, weights=(1.0,)
    )
    return LesionClassifier(
        curves=(curve,),
        intercept=-even_mm,
        calibration=Calibration(slope=slope, offset=offset),
        operating_points=OperatingPoints(
            **{name: OperatingPoint(threshold=threshold) for name, threshold in THRESHOLDS.items()}
        ),
        averaging=averaging,
    )
