"""Every source of training data once: its licence, whom to name, and which cases are made from it.

Weights that are made from share-alike data are published under the same licence; `check_licence` holds `export` to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from LiverTumorAttentionLib.errors import InputError

SHARE_ALIKE = "CC-BY-SA-4.0"
UNKNOWN_LICENCE = "NOASSERTION"


@dataclass(frozen=True, kw_only=True)
class Source:
    """A published data set, or a generator."""

    title: str
    """Its name, and what of it was used."""
    licence: str
    """SPDX name, or "LicenseRef-..." where there is none."""
    attribution: str
    """Whom to name, and where."""


_MSD = "Medical Segmentation Decathlon: Antonelli et al., Nature Communications 13, 4128 (2022)"

SOURCES: dict[str, Source] = {
    "lits": Source(
        title="LiTS as Medical Segmentation Decathlon, Task03 Liver: CT with liver, and with tumors where labelled",
        licence="CC-BY-SA-4.0",
        attribution=f"{_MSD}; Bilic et al., Medical Image Analysis 84, 102680 (2023)",
    ),
    "lits-segments": Source(
        title="Couinaud segments and vessels of LiTS livers (label maps, annotation MIT, xukun 2024)",
        licence="CC-BY-SA-4.0",
        attribution=f"{_MSD}; Bilic et al., Medical Image Analysis 84, 102680 (2023)",
    ),
    "msd-vessels": Source(
        title="Medical Segmentation Decathlon, Task08 Hepatic Vessel: livers and vessels (label maps)",
        licence="CC-BY-SA-4.0",
        attribution=_MSD,
    ),
    "spl": Source(
        title="SPL/NAC abdominal atlas (label map)",
        licence="LicenseRef-3D-Slicer",
        attribution="Talos, Jakab, Kikinis: Abdominal Atlas, Surgical Planning Laboratory, Boston",
    ),
    "amos": Source(
        title="AMOS22 (CT and label map)",
        licence="CC-BY-4.0",
        attribution="Ji et al., AMOS, Advances in Neural Information Processing Systems 35 (2022)",
    ),
    "hcc-tace-seg": Source(
        title="HCC-TACE-Seg of The Cancer Imaging Archive (CT of two phases)",
        licence="CC-BY-4.0",
        attribution="Moawad et al., The Cancer Imaging Archive (2021), doi:10.7937/TCIA.5FNA-0924",
    ),
    "tcga-coad": Source(
        title="TCGA-COAD of The Cancer Imaging Archive (CT)",
        licence="CC-BY-3.0",
        attribution="Kirk et al., The Cancer Imaging Archive (2016), doi:10.7937/K9/TCIA.2016.HJJHBOXZ",
    ),
    "lidc-idri": Source(
        title="LIDC-IDRI of The Cancer Imaging Archive (CT)",
        licence="CC-BY-3.0",
        attribution="Armato et al., The Cancer Imaging Archive (2015), doi:10.7937/K9/TCIA.2015.LO9QL9SX",
    ),
    "cptac-pda": Source(
        title="CPTAC-PDA of The Cancer Imaging Archive (CT)",
        licence="CC-BY-4.0",
        attribution="National Cancer Institute Clinical Proteomic Tumor Analysis Consortium, The Cancer Imaging "
        "Archive (2018), doi:10.7937/K9/TCIA.2018.SC20FO18",
    ),
    "totalsegmentator": Source(
        title="Test files of TotalSegmentator (CT)",
        licence="Apache-2.0",
        attribution="Wasserthal et al., Radiology: Artificial Intelligence 5, e230024 (2023)",
    ),
    "phantoms": Source(
        title="Phantoms of LiverTumorAttention (generated)",
        licence="Apache-2.0",
        attribution="the LiverTumorAttention contributors",
    ),
}
"""By the key that `sources_of` gives."""

_OF_FACT = {"msd_liver_slices": "lits", "msd_dark_slices": "lits", "lits_crop": "lits", "phantom": "phantoms"}
"""Source of the cases whose fact "source" says so."""
OWN_LIVER = "own"
"""Fact "liver" of a painted case with the liver of its label map."""
_LIVERS = ("lits-segments", "msd-vessels")
_PATIENTS = {"be432496:amos": "AMOS-0013", "amos-labels:amos": "AMOS-0013"}
"""Whose abdomen a label map shows, by its name (`LabelMap.name`, and `earlier_name`), where that is a real volume's:
its labels and the volume's own, on one grid, are the same in every voxel."""


def source(key: str) -> Source:
    """Return a source; one that the table does not know has no licence that could be told."""
    unknown = Source(title=f"{key} (not described)", licence=UNKNOWN_LICENCE, attribution="")
    return SOURCES.get(key, unknown)


def sources_of(facts: Mapping[str, str], patient: str | None, name: str) -> dict[str, str]:
    """Return the sources that a case was made from, each with whose data it holds; "" where that is not known.

    facts, patient, name: of the case. Painted cases name a label map, which stands for a patient of its own unless it
    is known whose it is, and, where another liver was taken, that liver; without a word of it they may hold any. What
    no rule knows is a source of its own, by its fact "source".
    """
    told = facts.get("source", "")
    whose = patient or name
    if told == "painted":
        label_map = facts.get("label_map", "")
        found = {label_map.rpartition(":")[2] or "painted": _PATIENTS.get(label_map, label_map)}
        liver = facts.get("liver")
        if liver is None:
            return {**found, **dict.fromkeys(_LIVERS, "")}
        return found if liver in ("", OWN_LIVER) else {**found, _source_of_liver(liver): liver}
    if told == "implanted":
        from training.data.real_volumes import real_volume

        return {real_volume(whose).source: whose}
    return {_OF_FACT.get(told, told or "data without a source"): whose}


def _source_of_liver(name: str) -> str:
    return "lits-segments" if name.startswith("LiTS") else "msd-vessels"


class Licensed(Protocol):
    """What has a title and a licence: a source of the table, or of a model."""

    @property
    def title(self) -> str: ...

    @property
    def licence(self) -> str: ...


def licence_for(used: Sequence[Licensed]) -> str:
    """Return the licence of weights made from sources: share-alike where one is, untold where one is unknown."""
    if any(_share_alike(each) for each in used):
        return SHARE_ALIKE
    if not used or any(each.licence == UNKNOWN_LICENCE for each in used):
        return UNKNOWN_LICENCE
    return "Apache-2.0"


def check_licence(licence: str, used: Sequence[Licensed]) -> None:
    """Raise `InputError` for a licence of weights that share-alike sources do not allow."""
    bound = [each.title.partition(":")[0] for each in used if _share_alike(each)]
    if bound and _spdx(licence) != SHARE_ALIKE.lower():
        raise InputError(
            f"the licence of the weights is {licence!r}, but they are made from share-alike data ({', '.join(bound)}): "
            f"leave --licence out, or give {SHARE_ALIKE}"
        )


def _share_alike(used: Licensed) -> bool:
    return "-sa-" in _spdx(used.licence)


def _spdx(licence: str) -> str:
    """Return a licence's name as SPDX writes it, in lower case: "CC BY-SA 4.0" is CC-BY-SA-4.0."""
    return "-".join(licence.lower().replace("-", " ").split())
