"""Studies in a tree of DICOM files, by the study's UID in the header of every file.

A study is given to a run as the folder that holds it and no other one; where studies share a folder, as that folder and
the study's UID. Which phase each series is, the run finds itself; see `pipeline.study`.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from LiverTumorAttentionLib.cohort.found_case import FoundCase, case_name
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.io.atomic_write import full_suffix
from LiverTumorAttentionLib.io.case_folder import VOLUME_SUFFIXES
from LiverTumorAttentionLib.io.dicom_header import header_values
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.wording import counted

MODALITY, STUDY_UID = (0x0008, 0x0060), (0x0020, 0x000D)
_INDEX = "DICOMDIR"
_DIGITS = 8
"""Of the SHA-256 of a study's UID, which tell studies of one folder apart."""


class DicomTree:
    """Files of a tree, by study. root: the input, from which names are derived."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: list[Path] = []

    def add(self, files: Sequence[Path]) -> int:
        """Note the files of a folder that may be DICOM; return how many others look like volumes."""
        others = [path for path in files if full_suffix(path) not in VOLUME_SUFFIXES]
        self._files += [path for path in others if path.name.upper() != _INDEX]
        return len(files) - len(others)

    def cases(self, progress: Progress) -> tuple[list[FoundCase], list[str]]:
        """Return a case a study with CT, and in words what is left out. Raises `Cancelled`."""
        places: dict[str, set[Path]] = defaultdict(set)
        kinds: dict[str, set[str]] = defaultdict(set)
        damaged = others = without = 0
        for number, path in enumerate(self._files):
            if number % 20 == 0:
                progress.update(number / len(self._files), f"{counted(number, 'file')} looked at")
            try:
                values = header_values(path, (MODALITY, STUDY_UID))
            except (InputError, OSError):
                damaged += 1
                continue
            if values is None:
                others += 1
            elif not values[STUDY_UID]:
                without += 1
            else:
                places[values[STUDY_UID]].add(path.parent)
                kinds[values[STUDY_UID]].add(values[MODALITY].upper())
        left_out = [f"{counted(damaged, 'DICOM file')} that cannot be read"] if damaged else []
        left_out += [f"{counted(without, 'DICOM file')} without a StudyInstanceUID"] if without else []
        left_out += [f"{counted(others, 'file')} of other kinds"] if others and places else []
        shows_ct = {uid for uid in places if kinds[uid] & {"CT", ""}}
        if len(shows_ct) < len(places):
            left_out.append(f"{counted(len(places) - len(shows_ct), 'study', 'studies')} without CT")
        studies_below: dict[Path, set[str]] = defaultdict(set)
        for uid, folders in places.items():
            for folder in folders:
                for above in (folder, *folder.parents):
                    studies_below[above].add(uid)
        return [self._case(uid, places[uid], studies_below) for uid in sorted(shows_ct)], left_out

    def _case(
        self, uid: str, places: Iterable[Path], studies_below: Mapping[Path, Collection[str]]
    ) -> FoundCase:
        folder = Path(os.path.commonpath([str(place) for place in places]))
        parts = folder.relative_to(self._root).parts or (self._root.resolve().name,)
        inputs = {"study": str(folder)}
        if len(studies_below[folder]) > 1:
            inputs["study_uid"] = uid
            parts = (*parts, hashlib.sha256(uid.encode()).hexdigest()[:_DIGITS])
        return FoundCase(name=case_name(parts), inputs=inputs, where=f"'{folder}'")
