"""The real CT volumes at hand: where they lie below the data folder, whose they are, and what they may be used for.

Freedom from tumors is not proven in any of them: a finding there is counted, and called false only once it was looked
at. `held_out` tells which validate.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from LiverTumorAttentionLib.errors import InputError
from training.data.held_out import VALIDATION, VALIDATION_BACKGROUNDS


@dataclass(frozen=True, kw_only=True)
class HealthyPart:
    """A part of a volume with tumors that shows liver without one."""

    name: str
    """Such as "left lobe"."""
    slices: tuple[int, int]
    """First slice and the one behind the last, in LPS order."""
    from_column: int = 0
    """First column: what lies further to the right of the patient is cut off."""


@dataclass(frozen=True, kw_only=True)
class RealVolume:
    """One examination."""

    name: str
    portal: str
    """Path below the data folder; the phase that is segmented, whatever its contrast."""
    arterial: str | None = None
    """Path of the arterial phase, on its own grid."""
    liver: str | None = None
    """Path of a label map with the liver."""
    liver_value: int = 1
    """Value of the liver in that map."""
    phase: str = "portal"
    """Contrast of the portal path: "portal", "arterial" or "plain"."""
    tumors: str = "none seen"
    """What is known of tumors: "none seen" or what there is."""
    healthy_parts: tuple[HealthyPart, ...] = ()
    """Where there are tumors: what shows none."""
    source: str
    """Where it comes from, a key of `sources.SOURCES`."""

    @property
    def use(self) -> str:
        """Return "validation" or "training"."""
        return VALIDATION if self.name in VALIDATION_BACKGROUNDS else "training"

    @property
    def lesion_free(self) -> bool:
        """Whether no tumor was seen in it."""
        return self.tumors == "none seen"


REAL_VOLUMES = (
    RealVolume(
        name="totalsegmentator-example",
        portal="totalsegmentator-example/ct.nii.gz",
        liver="totalsegmentator-example/liver.nii.gz",
        phase="plain",
        source="totalsegmentator",
    ),
    RealVolume(
        name="totalsegmentator-dicom", portal="totalsegmentator-example/dicom", source="totalsegmentator"
    ),
    RealVolume(
        name="TCGA-AY-4070A",
        portal="real-backgrounds/TCGA-AY-4070A_pv.nii.gz",
        tumors="a bright round focus of 15 mm behind the cava",
        healthy_parts=(  # the focus lies in 26 to 28
            HealthyPart(name="below the focus", slices=(0, 25)),
            HealthyPart(name="above the focus", slices=(30, 45)),
        ),
        source="tcga-coad",
    ),
    RealVolume(
        name="LIDC-IDRI-0001",
        portal="real-backgrounds/LIDC-IDRI-0001_ap.nii.gz",
        phase="arterial",
        source="lidc-idri",
    ),
    RealVolume(
        name="LIDC-IDRI-0050",
        portal="real-backgrounds/LIDC-IDRI-0050_ap.nii.gz",
        phase="arterial",
        tumors="a small dark focus in the left lobe",
        source="lidc-idri",
    ),
    RealVolume(name="C3L-00189", portal="real-backgrounds/C3L-00189_pv.nii.gz", source="cptac-pda"),
    RealVolume(
        name="AMOS-0013",
        portal="real-backgrounds/amos_0013_ap_slab.nii.gz",
        liver="real-backgrounds/amos_0013_label.nii.gz",
        liver_value=6,
        phase="arterial",
        source="amos",
    ),
    RealVolume(
        name="HCC-007",
        portal="hcc-tace-007/HCC007_pre_PV.nii.gz",
        arterial="hcc-tace-007/HCC007_pre_AP.nii.gz",
        tumors="a large HCC",
        healthy_parts=(
            HealthyPart(name="tips of the lobes", slices=(0, 20)),  # the tumor's arterial blush begins at 22
            HealthyPart(
                name="left lobe", slices=(20, 51), from_column=235
            ),  # left of the middle hepatic vein
        ),
        source="hcc-tace-seg",
    ),
)


def real_volume(name: str) -> RealVolume:
    """Return the volume of a name. Raises `InputError` for an unknown one."""
    for volume in REAL_VOLUMES:
        if volume.name == name:
            return volume
    known = ", ".join(volume.name for volume in REAL_VOLUMES)
    raise InputError(f"there is no real volume called {name!r}; there are {known}: choose one of these")


def there(data: Path) -> tuple[RealVolume, ...]:
    """Return the volumes that lie below a data folder. Raises `InputError` when there is none."""
    found = tuple(volume for volume in REAL_VOLUMES if (data / volume.portal).exists())
    if not found:
        raise InputError(
            f"none of the real volumes lies below '{data}' (such as {REAL_VOLUMES[0].portal}): check it"
        )
    return found
