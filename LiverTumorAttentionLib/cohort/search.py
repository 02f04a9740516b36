"""Search for the cases of a cohort: case folders, nnU-Net's images, a list, DICOM studies; all of them may be mixed.

Names and DICOM headers alone are looked at; volumes are read when a case is segmented.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from LiverTumorAttentionLib.cohort.case_list import cases_of_list
from LiverTumorAttentionLib.cohort.dicom_tree import DicomTree
from LiverTumorAttentionLib.cohort.found_case import FoundCase, case_name, in_order_of_names
from LiverTumorAttentionLib.cohort.nnunet_images import IMAGE_FOLDERS, cases_of_images
from LiverTumorAttentionLib.contrast_phase import ROLES
from LiverTumorAttentionLib.errors import InputError
from LiverTumorAttentionLib.file_identity import identity
from LiverTumorAttentionLib.io.atomic_write import full_suffix
from LiverTumorAttentionLib.io.case_folder import find_in_case, in_order
from LiverTumorAttentionLib.progress import Progress
from LiverTumorAttentionLib.regular_file import is_regular, reason
from LiverTumorAttentionLib.wording import counted

MANIFEST_FILE = "cohort.json"
"""Of a folder of results; one that holds it is never searched."""


@dataclass(kw_only=True)
class Found:
    """What a search found. left_out: what of the input is in no case, in words."""

    cases: list[FoundCase] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def find_cases(source: Path, progress: Progress) -> Found:
    """Return the cases of a folder, a list (.csv) or a tree of DICOM files, in the natural order of their names.

    Raises `InputError` where there is none, two have one name, or a folder may not be read, and `Cancelled`.
    """
    if source.is_file():
        if full_suffix(source) != ".csv":
            raise InputError(
                f"the input '{source}' is a file: give a folder of cases, or a list of them that ends in .csv"
            )
        found = Found(cases=cases_of_list(source))
    elif source.is_dir():
        found = _Search(source, progress).run()
    else:
        raise InputError(f"the input '{source}' does not exist: check the path")
    if not found.cases:
        why = f" ({'; '.join(found.left_out[:3])})" if found.left_out else ""
        raise InputError(
            f"no case was found in '{source}'{why}: give folders with portal.nii.gz, nnU-Net's imagesTs, DICOM "
            "studies, or a list of cases as CSV"
        )
    found.cases = in_order_of_names(found.cases)
    return found


class _Search:
    """One walk over a folder; links are followed, a folder that is reached twice is searched once."""

    def __init__(self, root: Path, progress: Progress) -> None:
        self._root = root
        self._progress = progress
        self._seen: set[object] = set()
        self._found = Found()
        self._tree = DicomTree(root)
        self._loose = 0

    def run(self) -> Found:
        try:
            for place in self._folders(self._root):
                self._progress.update(0.0, f"{counted(len(self._found.cases), 'case')} found")
                self._loose += self._tree.add(_files(place))
        except OSError as error:
            raise InputError(
                f"the input '{error.filename or self._root}' cannot be read ({reason(error).lower()}): check its "
                "permissions"
            ) from error
        cases, left_out = self._tree.cases(self._progress)
        self._found.cases += cases
        self._found.left_out += left_out
        if self._loose:
            self._found.left_out.append(
                f"{counted(self._loose, 'volume file')} in folders that are no case, which has portal.nii.gz"
            )
        return self._found

    def _folders(self, place: Path) -> Iterator[Path]:
        """Yield the folders that may hold DICOM files; what holds cases of another kind is taken on the way."""
        self._progress.check()
        where = identity(place)
        if where in self._seen or (place / MANIFEST_FILE).is_file():
            return
        self._seen.add(where)
        if self._take_case(place) or self._take_images(place):
            return
        yield place
        for below in in_order(place.iterdir()):
            if below.is_dir():
                yield from self._folders(below)

    def _take_case(self, place: Path) -> bool:
        """Take a folder with portal.nii.gz or the like; labels and displacement fields beside it are no CT."""
        volumes = {role: path for role in ROLES if (path := find_in_case(place, role)) is not None}
        if "portal" not in volumes:
            if volumes and any(path.is_file() for path in volumes.values()):
                self._found.left_out.append(
                    f"'{place}' has {' and '.join(volumes)} but no portal venous volume"
                )
                return True
            return False
        name = case_name(self._relative(place) or (place.resolve().name,))
        inputs = {role: str(path) for role, path in volumes.items()}
        self._found.cases.append(FoundCase(name=name, inputs=inputs, where=f"'{place}'"))
        return True

    def _take_images(self, place: Path) -> bool:
        """Take the images of a data set of nnU-Net, whose folder or whose imagesTs this is."""
        folders = [place / name for name in IMAGE_FOLDERS if (place / name).is_dir()]
        if place.name == IMAGE_FOLDERS[0] or (place.name in IMAGE_FOLDERS and place == self._root):
            folders = [place]
        elif not folders or not (place / "dataset.json").is_file():
            return False
        above = () if folders[0] == self._root else self._relative(folders[0].parent)
        cases, left_out = cases_of_images(folders[0], above)
        self._found.cases += cases
        self._found.left_out += left_out
        if len(folders) > 1:
            self._found.left_out.append(
                f"'{folders[1]}', the images for training: give that folder itself to segment them"
            )
        return True

    def _relative(self, place: Path) -> tuple[str, ...]:
        return place.relative_to(self._root).parts if place != self._root else ()


def _files(place: Path) -> Sequence[Path]:
    with os.scandir(place) as entries:
        names = sorted(entry.name for entry in entries if not entry.name.startswith("."))
    return [place / name for name in names if is_regular(place / name)]
