"""Registration of the arterial onto the portal venous phase, with a verdict on the result."""

from LiverTumorAttentionLib.registration.register import RegistrationResult, register_phases
from LiverTumorAttentionLib.registration.settings import RegistrationSettings
from LiverTumorAttentionLib.registration.transform_file import read_transform
from LiverTumorAttentionLib.registration.transform_io import inverted, resample_onto, write_transform
from LiverTumorAttentionLib.registration.verdict import RegistrationVerdict, VolumeNames

__all__ = [
    "RegistrationResult",
    "RegistrationSettings",
    "RegistrationVerdict",
    "VolumeNames",
    "inverted",
    "read_transform",
    "register_phases",
    "resample_onto",
    "write_transform",
]
