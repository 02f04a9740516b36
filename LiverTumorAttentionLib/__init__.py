"""Liver tumors on CT: phase registration, attention networks, measurement. Not for clinical use.

The entry point is `LiverTumorAttentionLib.pipeline.segment_case`. Importing this package imports
nothing heavy: no torch, no SimpleITK.
"""

__version__ = "0.1.0"

NOT_FOR_CLINICAL_USE = "Not for clinical use."
